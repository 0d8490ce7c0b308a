package line_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"os"
	"runtime"
	"slices"
	"testing"
	"testing/iotest"
	"time"

	"pgregory.net/rapid"

	"charye/line"
)

func made(n int) [][16]byte {
	names := make([][16]byte, n)
	for i := range names {
		h := sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(i)))
		names[i] = [16]byte(h[:])
	}
	return names
}

// slowOrder is the definition, written down plainly.
func slowOrder(seed [32]byte, names [][16]byte) []uint32 {
	order := make([]uint32, len(names))
	for i := range order {
		order[i] = uint32(i)
	}
	slices.SortStableFunc(order, func(a, b uint32) int {
		ha := sha256.Sum256(append(seed[:], names[a][:]...))
		hb := sha256.Sum256(append(seed[:], names[b][:]...))
		return bytes.Compare(ha[:], hb[:])
	})
	return order
}

func TestOrderIsItsDefinition(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, 2, 3, 1000, 2047, 2048, 5000, 70_000} {
		seed := [32]byte{byte(n), 1}
		names := made(n)
		if got := line.Order(seed, names); !slices.Equal(got, slowOrder(seed, names)) {
			t.Errorf("the order of %d is not its definition", n)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		seed := [32]byte(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "seed"))
		var names [][16]byte
		for _, b := range rapid.SliceOf(rapid.IntRange(0, 40)).Draw(t, "names") { // with repetitions
			names = append(names, made(41)[b])
		}
		if got := line.Order(seed, names); !slices.Equal(got, slowOrder(seed, names)) {
			t.Fatalf("the order of %d is not its definition", len(names))
		}
	})
}

// The order by SHA-256(seed ‖ pseudonym), worked out apart with sha256sum for these four.
func TestOrderVector(t *testing.T) {
	t.Parallel()
	names := [][16]byte{{1}, {2}, {3}, {4}}
	if got, want := line.Order([32]byte{}, names), []uint32{3, 1, 2, 0}; !slices.Equal(got, want) {
		t.Errorf("order %v, want %v", got, want)
	}
}

// Where people stand before a draw says nothing about where they stand after it.
func TestOrderIsFair(t *testing.T) {
	t.Parallel()
	const people, draws = 10, 20_000
	names := made(people)
	var times [people][people]int
	for d := range draws {
		var seed [32]byte
		binary.BigEndian.PutUint64(seed[:], uint64(d))
		for number, i := range line.Order(seed, names) {
			times[i][number]++
		}
	}
	chi := 0.0
	for _, row := range times {
		for _, n := range row {
			d := float64(n) - draws/people
			chi += d * d / (draws / people)
		}
	}
	// 81 degrees of freedom; above 135 once in ten thousand tries, and the seeds are fixed.
	if chi > 135 {
		t.Errorf("chi-squared of person against number is %.1f", chi)
	}
}

func drawnList(n int) (line.Draw, []byte) {
	d := line.Draw{Seed: [32]byte{9}, Drawn: true, Entrants: n, At: time.Unix(0, 0)}
	d.Commitment = line.Commitment(d.Seed)
	names := made(n)
	var list []byte
	for _, i := range line.Order(d.Seed, names) {
		list = append(list, names[i][:]...)
	}
	return d, list
}

func TestVerify(t *testing.T) {
	t.Parallel()
	d, list := drawnList(5000)
	if err := line.Verify(d, bytes.NewReader(list)); err != nil {
		t.Fatal(err)
	}
	if err := line.Verify(d, iotest.OneByteReader(bytes.NewReader(list))); err != nil {
		t.Fatal(err)
	}
	broken := errors.New("broken")
	if err := line.Verify(d, iotest.ErrReader(broken)); !errors.Is(err, broken) || errors.Is(err, line.ErrDrawWrong) {
		t.Errorf("a list that cannot be read: %v", err)
	}
	swapped, twice := slices.Clone(list), slices.Clone(list)
	copy(swapped[160:176], list[176:192])
	copy(swapped[176:192], list[160:176])
	copy(twice[160:176], list[176:192])
	notDrawn, otherSeed, fewer := d, d, d
	notDrawn.Drawn = false
	otherSeed.Seed[0]++
	fewer.Entrants--
	for name, c := range map[string]struct {
		d    line.Draw
		list []byte
	}{
		"not drawn": {notDrawn, list}, "another seed": {otherSeed, list}, "one too many": {fewer, list},
		"two swapped": {d, swapped}, "one twice": {d, twice}, "one left out": {d, append(slices.Clone(list[:320]), list[336:]...)},
		"cut short": {d, list[:len(list)-1]}, "empty": {d, nil}, "one more": {d, append(slices.Clone(list), make([]byte, 16)...)},
	} {
		if err := line.Verify(c.d, bytes.NewReader(c.list)); !errors.Is(err, line.ErrDrawWrong) {
			t.Errorf("%s: got %v, want ErrDrawWrong", name, err)
		}
	}
}

// BenchmarkOrder draws a million; with CHARYE_BENCH_LARGE set, ten.
func BenchmarkOrder(b *testing.B) {
	n := 1_000_000
	if os.Getenv("CHARYE_BENCH_LARGE") != "" {
		n = 10_000_000
	}
	names := made(n)
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for b.Loop() {
		_ = line.Order([32]byte{1}, names)
	}
	runtime.ReadMemStats(&after)
	b.ReportMetric(float64(after.TotalAlloc-before.TotalAlloc)/float64(b.N)/1e6, "MB/draw")
	b.ReportMetric(float64(after.Sys)/1e6, "MB-process")
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/person")
}
