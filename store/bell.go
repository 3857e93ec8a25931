package store

import "sync"

// bell wakes all that listen. The zero bell is ready.
type bell struct {
	mu  sync.Mutex
	ch  chan struct{}
	any bool // somebody listens
}

// Listen returns a channel that the next Ring closes. What is to be waited for
// must be looked at after Listen, or a ring between may be missed.
func (b *bell) Listen() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.any {
		b.ch, b.any = make(chan struct{}), true
	}
	return b.ch
}

// Ring wakes those that listen now. It waits for nobody.
func (b *bell) Ring() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.any {
		close(b.ch)
		b.any = false
	}
}
