// Package aggregate is the algebra of aggregates: functions as partial results
// that merge, windows of time, and the watermark that says when a window is
// complete; and the definitions that put them together, with their run over a
// bounded range. It opens no files and reads no clock; what it works on are columns.
//
// # Functions
//
// A [Function] keeps what it knows of some rows as a partial result. Partial
// results of parts of the rows merge into that of all of them, so the same
// function serves a GROUP BY on all processors, a run over a range, and rollups
// that are kept for ever. [Laws] says what each promises: which merge in any
// order, which can take rows away again, which depend on the order of rows.
//
//	class        functions                                        takes away
//	group        Count, Sum, Avg, Variance, StdDev, Quantile      yes
//	semilattice  Min, Max, Any, All, AnyValue, First, Last,       no
//	             DistinctSketch
//	ordered      Increase, Rate, Carried, Linear, TimeInState,    no
//	             Liveness
//	holistic     Distinct, TopK                                   yes
//
// [Groups] are partial results of many groups side by side: columns go in with
// the ordinals of their groups, without a call for each row, and one group's
// result or encoding comes out. A [Partial] is a group alone, for rows that come
// one at a time: there is no second implementation. Functions of the user's own
// are a [Custom] over an [Accumulator].
//
// Nothing depends on the order in which rows or partial results came together, or
// on how they were cut into parts: results are the same to the last bit. Nulls are
// left out, as in SQL, and nothing at all gives null, but for counts, which are 0.
//
// # Exact sums
//
// A sum of floats depends on the order of additions, unless it is exact. Here it
// is: what is returned is the exact sum, rounded once. So are averages, variances
// and integrals, whose squares and products are kept in full. Each group has a
// 128-bit number, laid around the exponent of its first value, that takes in any
// float of 64 neighbouring exponents with two shifts and an addition with carry.
// The rest, a stray exponent or a number that fills up, goes into the small
// superaccumulator of R. M. Neal, "Fast exact summation using small and large
// superaccumulators", 2015: 75 chunks of 32 bits that hold any float.
//
// Designs considered, ns a value of prices with two decimals, into one group and
// at random into 80 and into 10,000 (BenchmarkSumDesigns, one core of an EPYC of
// family 26):
//
//	                                      1     80   10 k   bytes a group
//	plain addition, not exact           3.0    0.5    0.4   8
//	128-bit number, this one            1.5    2.7    3.0   32
//	small superaccumulator alone        4.1    4.0    8.7   600
//	values split into two doubles       3.2    2.2    2.4   32
//	large superaccumulator (Neal)       1.1                 40 K
//	two doubles, a block at a time      1.4
//
// Splitting each value at a power of two into two doubles, after Demmel and Nguyen,
// is exact for some 256 values of 38 exponents; then the two must be emptied, which
// is not in the figures above. By blocks it saves a branch a value and works only
// where a block is one group. The large superaccumulator is the fastest for one
// group and cannot be had for many. Integers × 10^-k, as decimals are stored, were
// not: a float like 0.1 is not a tenth, and its exact sum neither.
//
// # Quantiles and distinct values
//
// [Quantile] counts values by sign, exponent and leading bits, as logarithmic
// buckets in a shift. [DistinctSketch] is HyperLogLog. Sketches whose result
// depends on the order of merging (t-digest, KLL, space-saving) have no place here.
// [Distinct] and [TopK] keep all values with counts; a roaring bitmap of them is
// smaller but cannot take a value away of which another is left.
//
// Into columns of batches of 4096 (BenchmarkColumns), ns a value by groups:
//
//	                         1     80   10 k    1 M
//	count                 0.01    0.3    0.3    0.6
//	sum, avg of floats     1.3    2.3    2.7     28
//	sum of integers        0.4    0.8    1.0
//	min, max               0.8    0.7    0.8    2.4
//	variance of floats     5.0    6.1    7.3     87
//	quantile, 1 %          2.6    2.8     33     70
//	distinct, sketch       6.2    7.1     52    100
//	distinct, exact        9.5     50     52
//
// # Values over time
//
// Increase, integrals and times in state depend on which row follows which. Their
// partial results are stretches of rows that do not overlap; what comes out of
// order waits until a result is asked for, and is sorted. At the ends of a window
// they are settled when they are read, by the neighbouring rows: see [Edges].
//
// # Windows that slide
//
// A [Slide] joins what is in a window while values come and leave one by one, a
// [Slider] does so for any function: its partial results need not be taken away again.
// A sum of integers in a window of 1 Mi, ns for a value that comes, one that leaves and
// the join (BenchmarkSlide, one core of an EPYC of family 26), behind so many later ones
// that stay, or shuffled over so many, where most of it is waiting for memory:
//
//	               in order    16   256   4 Ki  64 Ki  256 Ki
//	queue                14
//	tree, behind         33   100   107    132    141     159
//	tree, shuffled            110   157    200    270     540
//
// # Encoding of partial results, version 1
//
// Integers are uvarint and varint of encoding/binary, floats 8 bytes little endian,
// values as in segment.AppendValue: a byte of kind, and what it holds.
//
//	partial result  1 byte: version 1 in the high half, the form in the low one; body
//	number          uvarint 2 × bytes, + 1 if negative; unless 0: varint exponent of
//	                256 of the first byte; the bytes, little endian, trimmed
//	row             varint time, uvarint position, value
//
//	form, body
//	 1 count     varint
//	 2 sum       varint count of int64s, number; unless all that follows is 0:
//	             varint count of floats, number, varint NaNs, +Infs, -Infs
//	 3 spread    uvarint length and the sum, form 2; number: sum of squares
//	 4 extreme   value
//	 5 place     row, or nothing
//	 6 tally     uvarint n; n × value, varint count, in the order of Compare
//	 7 sketch    1 byte Bits; uvarint 1 + n, n × 8 bytes hash; or 0, 2^Bits registers
//	 8 quantile  1 byte bits; uvarint n; n × varint bucket less the one before,
//	             varint count
//	 9 counter   nothing; or first and last place; nothing, or first and last
//	             value as rows, 1 byte floats, number lost by beginning again
//	10 carried   nothing; or varint time, uvarint position of the first row, uvarint
//	             time to the last, its position, ns before a value live and dead;
//	             nothing, or uvarint ns known and unknown, value, and by function
//	             a number (value × ns), or uvarint n and n × value, uvarint ns
//	11 linear    nothing; or first and last place; nothing, or first and last
//	             value as rows, number (twice value × ns)
//	12 liveness  as 10
//	13 custom    uvarint length and bytes of the name; the function's own
//
// Equal content has equal bytes. Decoders take any bytes without a panic, and
// allocate no more than 80 KiB and 256 times their length.
//
// # Windows
//
// [Tumbling], [Hopping], [Calendar] and [Global] windows depend on an event's time
// alone; a column of times is assigned by the Starter of an [Aligned] one, which remembers the
// windows it met: 0.4 to 5 ns a time, in Berlin as in UTC. [Session], [Sliding] and
// [Counted] windows depend on other events. Windows are closed at their start, open
// at their end, right before 1970, and cut off at the ends of what an int64 of ns
// holds. A [Watermark] says up to where no more events are expected.
//
// # Definitions
//
// A [Definition] says which events of a stream make which values, by groups and
// windows. [Run] computes it from what a [Source] gives, [RunWithin] does in bounded
// memory with a file of the caller's, and package store keeps it from the log; all put the
// same batches into the same [Cells], so that they agree to the last bit. A [Plan] is a
// definition made ready for that: the columns that it needs, and which measures share what
// they add up.
//
// Rows find their cells by numbers: each input that is grouped by has a dictionary,
// tables number the pairs, and the window's number and the group's find the cell.
// What is added after that are columns with the numbers of their cells. Values of
// kinds that a function does not take are left out, as nulls are, and counted: one
// event of another shape must not end a total that is kept for ever.
//
// [Session] windows are made of cells of single times, joined when all are there.
// [Sliding] and [Counted] ones, and [Hopping] ones of functions over time, have no cells of
// their own: a [Timeline] joins them from events and from cells of shorter windows. A late
// event moves all behind it on in counted windows, and changes as many sliding ones as
// there are events behind it in its reach; of cells it changes one.
//
// Designs considered. Functions over time could begin each window anew, as if nothing
// stood before; their averages would then depend on where windows are cut. They are
// settled with the windows next to theirs, so that the integrals of the hours of a
// day add up to the day's. Groups could be found by hashing their values, one map for
// all: it costs a copy of each row's values, where dictionaries are asked once for
// each text of a page.
package aggregate
