package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/annalsdb/annals/store"
)

// openExisting opens a database that is there. Reading commands never make one.
func (a *app) openExisting(dir string) (*store.DB, error) {
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("open database %s: there is no such directory", dir)
	case err != nil:
		return nil, fmt.Errorf("open database: %w", err)
	case !info.IsDir():
		return nil, fmt.Errorf("open database %s: not a directory", dir)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.log"))
	if err == nil && len(files) == 0 {
		return nil, fmt.Errorf("open database %s: the directory holds no database", dir)
	}
	return a.open(dir, &store.Options{ReadDamaged: a.damaged})
}

// open opens a database, or makes one, and says if anything was not as it
// should be after a crash.
func (a *app) open(dir string, o *store.Options) (*store.DB, error) {
	db, err := store.Open(dir, o)
	if err != nil {
		return nil, err
	}
	if r := db.Recovery(); r.TornBytes > 0 || r.StateRebuilt {
		fmt.Fprintf(a.err, "recovered %s: %s\n", dir, oneLine(r.String()))
	}
	return db, nil
}

// reading opens the database, hands it to read and closes it.
func (a *app) reading(dir string, read func(db *store.DB) error) error {
	db, err := a.openExisting(dir)
	if err != nil {
		return err
	}
	err = read(db)
	if cerr := db.Close(); cerr != nil && (err == nil || errors.Is(err, errAbsent)) {
		err = cerr
	}
	return err
}
