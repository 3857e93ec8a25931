package segment

// RowBound is a length that the row of e does not exceed, whatever the engine
// adds to it.
func RowBound(e *Event) int {
	// Head, flags, stream, version, lag, and the position and the count of
	// fields at their longest.
	n := rowHead + 1 + 5 + 10 + 10 + 10 + 2
	n += textBound(e.Key) + textBound(e.Type) + textBound(e.ID)
	for i := range e.Fields {
		n += textBound(e.Fields[i].Name) + 1 + 10 + len(e.Fields[i].Value.text)
	}
	return n
}

// textBound counts five bytes of length: enough for any text within MaxPayload.
func textBound(s string) int { return 5 + len(s) }
