package store

import (
	"encoding/binary"
	"errors"
	"hash/fnv"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/annalsdb/annals/segment"
	bolt "go.etcd.io/bbolt"
)

// A directory in which files are missing, or stand that belong elsewhere, is not
// opened; what is said names the file and what to do.
func TestOpen_NamesWhatIsMissing(t *testing.T) {
	logs := func(dir string) (all []string) {
		entries, err := filepath.Glob(filepath.Join(dir, "*.log"))
		if err != nil || len(entries) == 0 {
			t.Fatalf("log files in %s: %v, %v", dir, entries, err)
		}
		return entries
	}
	remove := func(paths []string) {
		for _, path := range paths {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		}
	}
	for what, c := range map[string]struct {
		seal   bool
		damage func(dir, other string)
		names  []string
	}{
		"the log":          {false, func(dir, _ string) { remove(logs(dir)) }, []string{statesName, "no log files", "restore the log from a copy"}},
		"the log behind":   {true, func(dir, _ string) { remove(logs(dir)) }, []string{"sealed files but no log file", "restore the newest log file from a copy"}},
		"the end of a log": {false, func(dir, _ string) { truncate(t, logs(dir)[0], segment.LogHead) }, []string{".log", "position 3 was durable", "restore the missing log files or their ends from a copy"}},
		"another's log":    {true, func(dir, other string) { copyFile(t, logs(other)[0], logs(dir)[0]) }, []string{".log", "belongs to another database"}},
	} {
		dir, other := t.TempDir(), t.TempDir()
		for _, d := range []string{dir, other} {
			db := open(t, d, &Options{noSeal: true})
			for i := range int64(3) {
				if err := put(t, db, "k", i); err != nil {
					t.Fatal(err)
				}
			}
			if c.seal {
				if err := db.Seal(bg); err != nil {
					t.Fatal(err)
				}
			}
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
		}
		c.damage(dir, other)
		_, err := Open(dir, nil)
		refused(t, what, err, ErrCorrupt, append(c.names, dir)...)
	}
}

func truncate(t *testing.T, path string, size int64) {
	t.Helper()
	if err := os.Truncate(path, size); err != nil {
		t.Fatal(err)
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	b, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, b, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// What is open for reading what is left says so where it is asked to write or verify.
func TestReadDamaged_RefusesTheRest(t *testing.T) {
	db := damagedDB(t, func(files []string) { flip(t, files[1], 300) })
	refused(t, "checkpoint", db.Checkpoint(bg), ErrPoisoned, "open for reading only")
	refused(t, "define", db.Define(bg, Stream{Name: "x"}), ErrPoisoned, "open for reading only")
	refused(t, "seal", db.Seal(bg), ErrPoisoned, "open for reading only")
	_, err := db.Verify(bg, nil)
	refused(t, "verify", err, ErrCorrupt, "verify", ".log")
}

// statesFile is a bbolt file as the engine makes it, with a bucket large enough for
// branch pages, and with free pages.
func statesFile(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), statesName)
	db, err := bolt.Open(path, 0o644, nil)
	if err != nil {
		t.Fatal(err)
	}
	cells := func(b *bolt.Bucket, n byte, length int) error {
		for i := range n {
			key := slices.Repeat([]byte{i}, cellKeyLeast)
			if err := b.Put(key, sealCell(make([]byte, length), 0, key)); err != nil {
				return err
			}
		}
		return nil
	}
	for range 2 { // the second time there are pages to free
		err = db.Update(func(tx *bolt.Tx) error {
			b, err := tx.CreateBucketIfNotExists([]byte(aggregateBucket + "x"))
			if err != nil {
				return err
			}
			levels, err := b.CreateBucketIfNotExists(levelsKey)
			if err != nil {
				return err
			}
			return errors.Join(cells(b, 100, 300), cells(levels, 2, 10), putMeta(tx, [16]byte{1}, 7))
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestPages_Damage: a bbolt file of which a part is wrong is told from one that is
// whole, before bbolt opens it, and the fault is named.
func TestPages_Damage(t *testing.T) {
	word := binary.LittleEndian
	resum := func(meta []byte) {
		sum := fnv.New64a()
		sum.Write(meta[:metaSize-8])
		word.PutUint64(meta[metaSize-8:], sum.Sum64())
	}
	for what, c := range map[string]struct {
		damage func(file, meta, free []byte, size int)
		says   string
	}{
		"nothing":                {func(file, meta, free []byte, size int) {}, ""},
		"both meta pages":        {func(file, meta, free []byte, size int) { file[pageHead] ^= 1; file[size+pageHead] ^= 1 }, "meta page at offset 0 is damaged"},
		"page size":              {func(file, meta, free []byte, size int) { word.PutUint32(meta[8:], 100); resum(meta) }, "its page size is 100"},
		"page count":             {func(file, meta, free []byte, size int) { word.PutUint64(meta[40:], 1<<41); resum(meta) }, "its meta page says 2199023255552 pages"},
		"root outside":           {func(file, meta, free []byte, size int) { word.PutUint64(meta[16:], 1<<20); resum(meta) }, "page 1048576"},
		"root a meta page":       {func(file, meta, free []byte, size int) { word.PutUint64(meta[16:], 1); resum(meta) }, "page 1"},
		"freelist of other kind": {func(file, meta, free []byte, size int) { word.PutUint16(free[8:], 2) }, "freelist: page"},
		"freelist too long":      {func(file, meta, free []byte, size int) { word.PutUint16(free[10:], uint16((size-pageHead)/8+1)) }, "pages do not fit"},
		"freelist longer yet": {func(file, meta, free []byte, size int) {
			word.PutUint16(free[10:], 0xffff)
			word.PutUint64(free[pageHead:], 1<<40)
		}, "freelist: 1099511627776 pages do not fit"},
		"a free page twice":       {func(file, meta, free []byte, size int) { copy(free[pageHead+8:], free[pageHead:pageHead+8]) }, "twice there"},
		"a free meta page":        {func(file, meta, free []byte, size int) { word.PutUint64(free[pageHead:], 1) }, "freelist: page 1 is in use"},
		"the root is free":        {func(file, meta, free []byte, size int) { copy(free[pageHead:], meta[16:24]) }, "is in use"},
		"the freelist is outside": {func(file, meta, free []byte, size int) { word.PutUint64(meta[32:], 1<<20); resum(meta) }, "freelist: "},
		"no freelist":             {func(file, meta, free []byte, size int) { word.PutUint64(meta[32:], noFreelist); resum(meta) }, ""},
	} {
		path := statesFile(t)
		file, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		size := int(word.Uint32(file[pageHead+8:]))
		meta := file[pageHead:][:metaSize]
		if second := file[size+pageHead:][:metaSize]; transaction(second) > transaction(meta) {
			meta = second
		}
		free := file[int(word.Uint64(meta[32:]))*size:]
		if n := word.Uint16(free[10:]); n < 2 {
			t.Fatalf("%d pages are free, the damage needs 2", n)
		}
		c.damage(file, meta, free, size)
		if err := os.WriteFile(path, file, 0o644); err != nil {
			t.Fatal(err)
		}
		err = checkPages(path)
		if c.says == "" && err != nil || c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)) {
			t.Errorf("%s: %v, want %q", what, err, c.says)
		}
	}
}
