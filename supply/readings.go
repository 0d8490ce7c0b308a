package supply

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// Reading is one measurement.
type Reading struct {
	At      time.Time
	Celsius Celsius
}

// Series is what one logger told of one point: a reading stands until the next one.
//
// A reading that comes more than one and a half intervals after the one before leaves a gap: the earlier stands for one interval, and the
// rest is unknown. Before its first reading and after its last a series tells nothing, but for the same one and a half intervals towards an end of custody.
type Series struct {
	Point    Point
	Device   string // model and serial number
	Interval time.Duration
	Readings []Reading // ascending
	Source   string    // file name and digest: the evidence
}

// Summary is what a logger told of a stretch of time without saying when: the least and the most, and how long beyond limits.
type Summary struct {
	Point    Point
	Device   string
	From, To time.Time
	Min, Max Celsius
	Outside  []Outside
	Silent   time.Duration // how long of it the logger's sensor was not there: unknown
	Source   string
}

// Outside is how long it was beyond a limit: strictly above or strictly below it.
type Outside struct {
	Limit Celsius
	Above bool
	For   time.Duration
}

// ErrReadings is wrapped by what is wrong with a [Series] or [Summary].
var ErrReadings = errors.New("readings")

// Validate reports what makes a series unusable.
func (s *Series) Validate() error {
	switch {
	case !s.Point.valid():
		return fmt.Errorf("%w of %s: want a point of 1 to %d bytes", ErrReadings, s.Device, maxPoint)
	case s.Interval <= 0:
		return fmt.Errorf("%w of %s: want the interval of the logger", ErrReadings, s.Device)
	}
	for i := range s.Readings {
		r := &s.Readings[i]
		if i > 0 && !r.At.After(s.Readings[i-1].At) {
			return fmt.Errorf("%w of %s: reading %d is not later than the one before", ErrReadings, s.Device, i+1)
		}
		if r.Celsius < AbsoluteZero || r.Celsius > Hottest {
			return fmt.Errorf("%w of %s: reading %d: %s °C is none", ErrReadings, s.Device, i+1, r.Celsius)
		}
	}
	return nil
}

// Validate reports what makes a summary unusable.
func (s *Summary) Validate() error {
	switch {
	case !s.Point.valid():
		return fmt.Errorf("%w of %s: want a point of 1 to %d bytes", ErrReadings, s.Device, maxPoint)
	case !s.To.After(s.From):
		return fmt.Errorf("%w of %s: a summary that ends at %s, before it begins", ErrReadings, s.Device, s.To.Format(time.RFC3339))
	case s.Min > s.Max || s.Min < AbsoluteZero || s.Max > Hottest:
		return fmt.Errorf("%w of %s: a summary from %s to %s °C", ErrReadings, s.Device, s.Min, s.Max)
	}
	return nil
}

const maxPoint = 128

func (p Point) valid() bool { return len(p) >= 1 && len(p) <= maxPoint }

// allowed is how far apart two readings may be without a gap between them.
func (s *Series) allowed() int64 { return int64(s.Interval) * 3 / 2 }

// span is a stretch of time, in nanoseconds since 1970, begin included and end not, at one temperature.
type span struct {
	begin, end int64
	at         Celsius
}

// spans gives what a series knows of [begin, end), in order and without overlap.
func (s *Series) spans(begin, end int64, to []span) []span {
	to = to[:0]
	allowed, step := s.allowed(), int64(s.Interval)
	first, _ := slices.BinarySearchFunc(s.Readings, begin, func(r Reading, at int64) int {
		switch n := r.At.UnixNano(); {
		case n < at:
			return -1
		case n > at:
			return 1
		}
		return 0
	})
	if first > 0 {
		first-- // the one before may stand into the stretch
	}
	for i := first; i < len(s.Readings); i++ {
		at := s.Readings[i].At.UnixNano()
		from := at
		if i == first && at > begin && at-begin <= allowed {
			from = begin
		}
		if from >= end {
			break
		}
		next := end
		if i+1 < len(s.Readings) {
			next = s.Readings[i+1].At.UnixNano()
		}
		upto := next
		if next-at > allowed {
			upto = at + step
		}
		from, upto = max(from, begin), min(upto, end)
		if from < upto {
			to = append(to, span{from, upto, s.Readings[i].Celsius})
		}
	}
	return to
}
