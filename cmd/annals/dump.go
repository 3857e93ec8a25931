package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/annalsdb/annals/segment"
)

// dumpCache is the memory for pages of the file that is shown.
const dumpCache = 64 << 20

func (a *app) dumpCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "dump FILE",
		Short: "Show what a sealed file (.seg) is made of",
		Long: `Show what a sealed file is made of: its header, the streams in it, its tables
and columns with the encodings of their pages, what each takes, and where. The
file may be a copy, its database open elsewhere.`,
		Args: arguments("FILE"),
	}
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		s, err := segment.OpenSealed(segment.OS, args[0], segment.NewCache(dumpCache))
		if err != nil {
			return fmt.Errorf("dump: %w", err)
		}
		defer s.Close()
		if err := s.Dump(a.out); err != nil {
			return fmt.Errorf("dump: %w", err)
		}
		return nil
	}
	return cmd
}
