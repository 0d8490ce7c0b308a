package line

import (
	"bufio"
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
)

// Commitment is what is published of a seed before gathering begins: its SHA-256.
func Commitment(seed [32]byte) [32]byte { return sha256.Sum256(seed[:]) }

// drawSeed gives the seed that the order is made with from the one that was committed to. They are the same until a
// public beacon, fixed after gathering ends, is mixed in: here and nowhere else.
func drawSeed(committed [32]byte) [32]byte { return committed }

// Order draws: it gives the indexes of pseudonyms in the order of number 1, 2, 3 …, which is ascending
// SHA-256(seed ‖ pseudonym). The same input gives the same order anywhere. It works on all cores and needs about 28
// bytes of memory a person beside its input.
func Order(seed [32]byte, pseudonyms [][16]byte) []uint32 {
	seed = drawSeed(seed)
	n := len(pseudonyms)
	// The hashes are spread evenly, so their first bits cut the work into small pieces that sort independently.
	shift := 64 - min(max(bits.Len(uint(n))-11, 0), 14)
	pieces := 1 << (64 - shift)
	workers := min(runtime.GOMAXPROCS(0), max(n/1024, 1))

	prefixes := make([]uint64, n)
	next := make([][]int, workers) // by worker and piece: first how many, then where to write
	share := func(w int) (from, to int) { return n * w / workers, n * (w + 1) / workers }
	parallel(workers, func(w int) {
		next[w] = make([]int, pieces)
		from, to := share(w)
		for i := from; i < to; i++ {
			h := drawHash(seed, pseudonyms[i])
			prefixes[i] = binary.BigEndian.Uint64(h[:])
			next[w][prefixes[i]>>shift]++
		}
	})
	ends := make([]int, pieces)
	at := 0
	for p := range pieces {
		for w := range workers {
			at, next[w][p] = at+next[w][p], at
		}
		ends[p] = at
	}
	drawn := make([]drawEntry, n)
	parallel(workers, func(w int) {
		from, to := share(w)
		for i := from; i < to; i++ {
			p := prefixes[i] >> shift
			drawn[next[w][p]] = drawEntry{prefixes[i], uint32(i)}
			next[w][p]++
		}
	})
	order := make([]uint32, n)
	var piece atomic.Int64
	parallel(workers, func(int) {
		for {
			p := int(piece.Add(1)) - 1
			if p >= pieces {
				return
			}
			from := 0
			if p > 0 {
				from = ends[p-1]
			}
			part := drawn[from:ends[p]]
			slices.SortFunc(part, func(a, b drawEntry) int {
				if a.prefix != b.prefix {
					return cmp.Compare(a.prefix, b.prefix)
				}
				return compareFull(seed, pseudonyms, a.index, b.index)
			})
			for i, e := range part {
				order[from+i] = e.index
			}
		}
	})
	return order
}

type drawEntry struct {
	prefix uint64 // first 8 bytes of the hash
	index  uint32
}

// compareFull breaks a tie of the first eight bytes by the whole hash. Equal pseudonyms, which only equal people have,
// stay in the order of their index.
func compareFull(seed [32]byte, pseudonyms [][16]byte, a, b uint32) int {
	ha, hb := drawHash(seed, pseudonyms[a]), drawHash(seed, pseudonyms[b])
	if c := bytes.Compare(ha[:], hb[:]); c != 0 {
		return c
	}
	return cmp.Compare(a, b)
}

func drawHash(seed [32]byte, pseudonym [16]byte) [32]byte {
	var in [48]byte
	copy(in[:], seed[:])
	copy(in[32:], pseudonym[:])
	return sha256.Sum256(in[:])
}

func parallel(workers int, work func(w int)) {
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() { work(w) })
	}
	wg.Wait()
}

// ErrDrawWrong means that a published draw does not follow from its seed.
var ErrDrawWrong = errors.New("the draw does not follow from its seed")

// Verify checks a published draw with nothing but public data: that d.Seed is the one that was committed to, and that
// entrants, the pseudonyms of number 1, 2, 3 … of 16 bytes each, are d.Entrants different ones in ascending order of
// SHA-256(seed ‖ pseudonym). A violation is [ErrDrawWrong] with the number at which it shows. Memory use is constant.
func Verify(d Draw, entrants io.Reader) error {
	if !d.Drawn {
		return fmt.Errorf("%w: it has not been drawn", ErrDrawWrong)
	}
	if Commitment(d.Seed) != d.Commitment {
		return fmt.Errorf("%w: the seed is not the one committed to", ErrDrawWrong)
	}
	seed := drawSeed(d.Seed)
	r := bufio.NewReaderSize(entrants, 1<<16)
	var before [32]byte
	for n := 0; ; n++ {
		var p [16]byte
		_, err := io.ReadFull(r, p[:])
		switch {
		case errors.Is(err, io.EOF):
			if n != d.Entrants {
				return fmt.Errorf("%w: %d entrants are listed, %d stood in it", ErrDrawWrong, n, d.Entrants)
			}
			return nil
		case errors.Is(err, io.ErrUnexpectedEOF):
			return fmt.Errorf("%w: the list ends inside number %d", ErrDrawWrong, n+1)
		case err != nil:
			return err
		}
		h := drawHash(seed, p)
		if n > 0 && bytes.Compare(before[:], h[:]) >= 0 {
			return fmt.Errorf("%w: number %d is out of order", ErrDrawWrong, n+1)
		}
		before = h
	}
}
