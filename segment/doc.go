// Package segment is the bytes on disk: the event and its values, the active
// log file, and how a log file is read again after a crash.
//
// # Log file, format version 1
//
// A log file holds committed batches in the order of their positions. Its name
// is the position of its first event in twenty decimal digits, "…0042.log", so
// the directory is the manifest. All numbers are little endian; uvarint and
// varint are the variable-length integers of encoding/binary (varint is zigzag).
//
//	file    = header frame* zero*
//
//	header, 64 bytes
//	  0  8  magic "annals-L"
//	  8  1  format version, 1
//	  9  3  zero
//	 12  4  salt: where every checksum of this file starts
//	 16  8  position of the first event
//	 24  8  time of creation, ns since 1970 UTC
//	 32 16  identity of the database
//	 48 12  zero
//	 60  4  CRC-32C of bytes 0 to 59
//
//	frame, 40 bytes and a payload, padded with zeros to a multiple of 8
//	  0  4  marker: "AfB1" a batch of events, "AfS1" definitions of streams
//	  4  4  CRC-32C, salted, of bytes 8 to the end of the payload
//	  8  4  length of the payload
//	 12  4  number of rows (of events, or of definitions)
//	 16  8  position of the first event (of definitions: of the next event)
//	 24  8  recorded: commit time, ns since 1970 UTC
//	 32  8  durable: the offset in this file up to which everything was known
//	        to be synced when this frame was made
//	 40  …  payload: rows
//
//	row of an event, 8 bytes and a body
//	  0  4  length of the body
//	  4  4  CRC-32C, salted, of the body, so that one row can be read alone
//	  8  1  bits 0-2 kind, bit 3 an ID follows, bit 4 unchanged
//	  …  uvarint  number of the stream
//	  …  uvarint  version within the key
//	  …  varint   recorded − time, ns (0 when the writer gave no time)
//	  …  uvarint length, bytes: key; the same: type; with bit 3: ID
//	  …  uvarint  retraction: the position retracted; unchanged: the position
//	              of the event whose content this one repeats
//	  …  uvarint  number of fields, and for each: uvarint length and bytes of
//	              the name, one byte of kind, the value
//	     null: nothing. bool: one byte. int64, time: varint. float64: 8 bytes.
//	     string, bytes, JSON: uvarint length, bytes
//
//	row of a definition, the same 8 bytes and a body
//	  uvarint number of the stream; uvarint length and bytes of its name; the
//	  same of its fold; one byte: bit 0 by arrival, bit 1 only changes
//
// Each file begins with a frame that defines all the streams known so far, so a
// file can be read without those before it.
//
// # What makes a batch count
//
// A batch is one frame and a frame is whole or nothing. Several frames may be
// written and synced together (group commit), so after a crash a whole frame
// may stand behind a torn one although neither was acknowledged. The durable
// field tells this from damage: a bad frame at offset X, in the newest file, is
// a torn tail and is cut, unless a whole frame behind it says durable > X. Then
// X had been synced before that frame was written, so what is bad there was
// once good: that is corruption, reported and never cut. A bad frame in any
// file but the newest is corruption too, since a file is only left behind when
// all of it is synced.
//
// # Designs considered
//
// One frame a group instead of one a batch makes the torn tail unambiguous
// without a durable field, but a batch is then no longer what is checked and
// found by itself, and a reader must take a whole group to see one of its
// batches. Names interned in a dictionary of the file save some thirty bytes an
// event but make a row unreadable without the file's state; sealed files take
// names out of rows altogether, so the log stays plain. Files are written
// through pwrite and read through pread: a mapping would save a system call on
// a read at the price of a fault that kills the process when a disk fails.
package segment
