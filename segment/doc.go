// Package segment is the bytes on disk: the event and its values, the active
// log file and how it is read again after a crash, and the sealed files that
// closed log files become: sorted, in columns, compressed, indexed, immutable.
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
// # Log files: designs considered
//
// One frame a group instead of one a batch makes the torn tail unambiguous
// without a durable field, but a batch is then no longer what is checked and
// found by itself, and a reader must take a whole group to see one of its
// batches. Names interned in a dictionary of the file save some thirty bytes an
// event but make a row unreadable without the file's state; sealed files take
// names out of rows altogether, so the log stays plain. Files are written
// through pwrite and read through pread: a mapping would save a system call on
// a read at the price of a fault that kills the process when a disk fails.
//
// # Sealed file, format version 1
//
// A sealed file holds the events of the positions first to last, all of them. Its
// name is these two in twenty decimal digits each, "…0042-…0099.seg". It is written
// beside under its name and ".tmp", synced, renamed, and never changed.
//
//	file    = header page* zones* directory summary trailer
//
//	header, 64 bytes
//	  0  8  magic "annals-S"
//	  8  1  format version, 1
//	  9  3  zero
//	 12  4  salt
//	 16  8  position of the first event
//	 24  8  position of the last event
//	 32 16  identity of the database
//	 48  8  time of creation, ns since 1970 UTC
//	 56  4  zero
//	 60  4  CRC-32C of bytes 0 to 59
//
//	page, and the same for each of zones, directory and summary
//	  0  4  CRC-32C of the payload, started from salt ^ offset of the page, so
//	        that a page read from a wrong place is noticed
//	  4  1  how: bit 0 a bitmap of the rows that have a value comes first, bit 1
//	        the rows at which having one begins and ends do, bit 2 times are
//	        stored less the clock at their position
//	  5  …  with bit 0: ⌈rows/8⌉ bytes, row i is bit i%8 of byte i/8
//	        with bit 1: uvarint length, a page of ints
//	  …  …  values: a page of ints, floats or texts, drawn where they are encoded
//
//	trailer, 48 bytes
//	  0  8  offset of the summary, page head included
//	  8  4  its length, likewise
//	 12  4  zero
//	 16  8  offset of the directory
//	 24  4  its length
//	 28  4  zero
//	 32  4  zero
//	 36  4  CRC-32C, salted, of bytes 0 to 35
//	 40  8  magic "S-slanna"
//
// What the pages hold are tables. A table has columns, its rows are cut into
// blocks of at most 4096, and a page is one column in one block. Blocks of rows are
// full but for the last one; those of other tables also end where they have 64 KiB
// of texts, and those of keys with a stream. The pages of a block stand together.
//
//	table       a row is                     columns (ints unless said otherwise)
//	rows        an event                     seq, time, version, flags, shape, type
//	                                         (text), id (text), ref, and fields
//	keys        a key of a stream            stream, name (text), row, changes,
//	                                         beats, retractions, last, base
//	batches     a batch, or the part of it   first, recorded
//	            that is in the file
//	clock       a knot                       seq, time
//	ids         an event ID                  upper half of its hash, row
//	states      a fold checkpoint            row, content (text)
//	postings    a bitmap of rows             column, value (text), bitmap (text)
//	key filter  64 bytes of a filter         raw bytes, at most 64 KiB a page
//	id filter   likewise                     likewise
//	late filter likewise, of the keys that   likewise
//	            have an event of a time
//	            before their stream's settled
//
// Rows are sorted by stream, key, class and order: a key's changes and deletes come
// first, in the order of the stream ((time, seq), or by arrival seq), then its
// heartbeats, then its retractions, by (time, seq) or seq too. Keys are sorted by
// stream and name, IDs by hash and row, bitmaps by column and value, all others by
// their first column.
//
//	flags    bits 0-2 kind, bit 3 unchanged, as in a row of the log
//	version  less the version it would have, were the key's rows in the order of
//	         their positions: base + row − first row of the key
//	time     less the clock at seq where that is shorter, page by page
//	id, ref  only in rows that have one; ref is what a retraction retracts or an
//	         unchanged event repeats
//	shape    which fields the event has, in which order: the number of a list of
//	         columns that the directory has
//	field    one column for each name and kind: bool (0, 1), int64 and time as
//	         ints, float64 as floats, string, bytes and JSON as texts, of the rows
//	         that have it. A null is a column of its own without pages
//	base     version of the key's lowest position; last: its highest position
//
// When an event was recorded is not in its row: it is that of its batch.
//
//	directory
//	  uvarint number of fields; each: uvarint length and bytes of its name, one
//	    byte of kind
//	  uvarint number of shapes; each: uvarint n, n × uvarint field
//	  for each table, in the order above: uvarint rows, uvarint blocks, and for
//	  each block
//	    of all tables but rows: uvarint rows, varint fence, uvarint length and bytes
//	      of the fence: the values that its first row has in the columns that the
//	      table is searched by
//	    uvarint number of pages; each: uvarint columns left out before it, varint
//	      offset less the end of the table's page before (of 0 for the first),
//	      uvarint length, page head included
//	  for each column of rows: uvarint offset, uvarint length of its zones; 0, 0
//	    for none
//
//	zones of a column: for each of its pages the statistics, drawn at type zone
//
//	summary
//	  4 × 8  recorded of the first and the last batch, least and greatest time
//	  uvarint rows, keys, batches, retractions, ids, late, number of streams
//	  each stream: uvarint number; uvarint length and bytes of its name; the same
//	    of its fold; one byte: bit 0 by arrival, bit 1 only changes; uvarint rows,
//	    keys, changes, deletes, heartbeats, retractions, unchanged, ids; 8 bytes
//	    least, 8 bytes greatest and 8 bytes settled time; uvarint length and bytes of the first key
//	    and of the last
//
// # Reading a sealed file
//
// Opening reads header, trailer and summary, at a cost that does not grow with the
// rows. The directory is read at the first use and stays, some twenty bytes a page.
// A question about a time before the settled one, which most events are not before,
// asks the filter of late keys first: few late events must not have all such
// questions look for their key here. A key is then: one line of the filter; a search of the fences, in memory; a
// search of one page of names; a value of each column of keys. A moment is a search
// of the key's times, a row a value of each column: encodings give one value
// without decoding the page. Every offset, length, count and number is checked
// before it is used, and a file that lies costs an error, and memory of at most 64
// times its size and 1 MiB to be open; of a page of texts, see there.
//
// # Sealed files: designs considered
//
// Rows as they are, sorted and compressed in blocks of some KiB (as an LSM tree
// does), read a row with one decompression, of 10 µs and more, and a column at the
// cost of all of them. Columns of unlike row groups, as Parquet has them, let pages
// of one column be larger than those of another; here all pages of a block have the
// same rows, so the place of a value needs no index but its row number. Statistics
// stand apart from pages and from the directory, because a read at a moment needs
// none of them and a scan those of few columns. One manifest of all files would be
// one more thing to lose: names say which positions a file covers, and a file that
// is covered by another is a leftover.
//
// Reads go through pread into a cache of pages and not through a mapping. The limit
// of the cache is kept to the byte; a checksum is computed once for each load, not
// at each use or never; a disk that fails is an error to one reader and not a fault
// that ends the process; and tests can put any file system beneath. What it costs is
// a copy at a miss: some 2 µs a page of 4 KiB that the operating system has.
package segment
