//go:build !race

package line_test

const raceEnabled = false
