// Command peers has the other databases that the benchmarks run beside the engine,
// a file each, behind the interface of bench/side; the runner builds and starts it.
// See README.md.
package main

import "github.com/annalsdb/annals/bench/child"

func main() { child.Main(makers) }
