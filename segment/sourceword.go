package segment

import "github.com/annalsdb/annals/index"

// worded is compare of a field on many rows of a block in which all rows have a text
// out of one dictionary: it tests each word once and then compares codes, without a
// call for each row. done is false where that is not so.
func (t *tester) worded(p index.Predicate, want bool, b int, rows []uint16) (kept []uint16, done bool, err error) {
	if len(rows) < fewRows {
		return nil, false, nil
	}
	column := columnOf(p)
	for _, kind := range [...]index.Kind{index.String, index.Bytes, index.JSON} {
		col := t.d.column(column, kind)
		if col < 0 {
			continue
		}
		page, err := t.s.may(t.d, b, col)
		if err != nil {
			return nil, false, err
		}
		if page == nil || page.sparse != nil || page.kind != textPages || page.texts.encoding != textDictionary || !fewWords(page.texts.ends.len(), rows) {
			continue
		}
		texts := page.texts
		t.passes = wordsPass(t.passes, p, want, texts.ends.len(), func(i int) index.Literal {
			return Value{kind: ValueKind(kind), text: texts.word(i)}.Literal()
		})
		t.codes = grown(t.codes, texts.len())
		texts.decodeCodes(t.codes, 0)
		return codesPass(t.passes, t.codes, rows), true, nil
	}
	return nil, false, nil
}

// fewWords reports whether to test each word of a dictionary costs less than to test
// those that rows name.
func fewWords(words int, rows []uint16) bool {
	return words > 0 && words <= len(rows) && len(rows) >= fewRows
}

// columnOf is the column that a comparison is of.
func columnOf(p index.Predicate) (column string) {
	p.Test(func(name string) (index.Literal, bool) {
		column = name
		return index.Literal{}, false
	})
	return column
}

// wordsPass is, of each of n words, whether a comparison is true, or, if not want,
// false of it, in the memory of dst.
func wordsPass(dst []bool, p index.Predicate, want bool, n int, word func(i int) index.Literal) []bool {
	goal := index.False
	if want {
		goal = index.True
	}
	var value index.Literal
	ask := func(string) (index.Literal, bool) { return value, true }
	dst = grown(dst, n)
	for i := range dst {
		value = word(i)
		dst[i] = p.Test(ask) == goal
	}
	return dst
}

// codesPass is those of the rows whose word passes.
func codesPass(passes []bool, codes []uint32, rows []uint16) []uint16 {
	kept := make([]uint16, len(rows))
	n := 0
	for _, i := range rows {
		kept[n] = i // without a branch that nobody can foretell
		if passes[codes[i]] {
			n++
		}
	}
	return kept[:n]
}
