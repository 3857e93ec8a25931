package query

import "github.com/annalsdb/annals/store"

// File is a sealed file alone, such as a copy of one, as what queries read: the events
// in it. They are exact for its positions; what came before and behind is not known, so
// states cannot be told, and a query that asks for them is an error. It can be shared,
// and is of use until f is closed.
func File(f *store.File) Reader { return fileReader{f} }

// fileReader is a file as a [Reader].
type fileReader struct{ *store.File }

// At implements [Reader].
func (r fileReader) At(m Moment) (Reader, error) {
	f, err := r.File.At(m.list()...)
	return fileReader{f}, err
}
