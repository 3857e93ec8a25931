package query

import "github.com/annalsdb/annals/index"

// # Words
//
// Of a batch's rows many have the same text, and stand in a dictionary that says so:
// a condition on nothing but one column of texts is looked at once for each word that
// a wanted row has, in the order of the rows, so that the first error is the same.

// worded is the one slot that a node names, if its values in this batch are words of a
// dictionary that has fewer of them than there are rows.
func (b *batch) worded(slots []int, rows int) (slot int, ok bool) {
	if len(slots) != 1 {
		return 0, false
	}
	c := &b.cols[slots[0]]
	return slots[0], c.Mixed == nil && isText(c.Kind) && len(c.Texts.Dict) < rows
}

// filterWords appends to passed the rows whose word in the slot makes the condition
// true.
func (b *batch) filterWords(n *node, slot int, rows, passed []uint16) ([]uint16, error) {
	const untold = index.True + 1
	c := &b.cols[slot]
	null := len(c.Texts.Dict) // stands for the word of rows that have none
	b.truths = extended(b.truths[:0], null+1)
	for i := range b.truths {
		b.truths[i] = untold
	}
	for _, i := range rows {
		word := null
		if c.Nulls == nil || !c.Nulls[i] {
			word = int(c.Texts.Codes[i])
		}
		truth := b.truths[word]
		if truth == untold {
			b.row[slot] = c.Value(int(i))
			var err error
			if truth, err = n.truth(b.row); err != nil {
				return nil, err
			}
			b.truths[word] = truth
		}
		if truth == index.True {
			passed = append(passed, i)
		}
	}
	return passed, nil
}
