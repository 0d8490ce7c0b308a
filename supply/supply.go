// Package supply knows where each box of vaccine has been, how warm it was there, and what was decided about it.
//
// It owns the GS1 keys of boxes, products and places ([SSCC], [GTIN], [GLN]), the dated storage rules of a product
// ([Product]), boxes and their custody ([Box], [Leg]), what loggers told ([Series], [Summary]), the exposure of a box over
// its whole chain ([Exposure]) and its judgement, verdicts and the states they lead to ([Register]), and the question "what
// does this reading touch, and whom" in both directions ([Index]). It must not know of bookings, files, engines or faces:
// what a verdict does to appointments is supply/relief, the files of loggers are supply/logger.
//
// One rule is above the others: what is not known holds the one box that it is about, and nothing else.
package supply

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"charye/internal/civil"
	"charye/site"
)

// Celsius is a temperature in millionths of a degree Celsius, so that a band begins exactly where it is said to: what a logger
// writes with up to six decimals is kept as it was written. The range is -2147 to +2147 °C.
type Celsius int32

// Degree is one degree Celsius.
const Degree Celsius = 1_000_000

// AbsoluteZero is -273.15 °C; nothing is colder.
const AbsoluteZero = -273_150_000 * (Degree / 1_000_000)

// Hottest is the warmest that is read as a temperature of a vaccine; what is above it is a broken sensor.
const Hottest = 200 * Degree

// Degrees is the temperature in degrees, for formulas and charts; comparisons are made on Celsius itself.
func (c Celsius) Degrees() float64 { return float64(c) / float64(Degree) }

// String writes the shortest decimal, with a sign below zero and no unit: "8", "-0.5".
func (c Celsius) String() string {
	sign, n := "", int64(c)
	if n < 0 {
		sign, n = "-", -n
	}
	s := fmt.Sprintf("%s%d.%06d", sign, n/int64(Degree), n%int64(Degree))
	return strings.TrimRight(strings.TrimRight(s, "0"), ".")
}

// ErrCelsius is what [ParseCelsius] returns for what is no temperature.
var ErrCelsius = errors.New("not a temperature: want degrees Celsius with a point and at most six decimals, as in 4.5 or -0.5, from -273.15 to 200")

// ParseCelsius reads a decimal such as 4, +2.0 or -0.5. It is exact: what does not fit into six decimals is refused rather than rounded.
func ParseCelsius(s string) (Celsius, error) {
	digits := strings.TrimPrefix(s, "+")
	neg := strings.HasPrefix(s, "-")
	if neg {
		digits = s[1:]
	}
	whole, frac, point := strings.Cut(digits, ".")
	if whole == "" || len(whole) > 4 || len(frac) > 6 || point && frac == "" {
		return 0, ErrCelsius
	}
	n, err := strconv.ParseUint(whole+frac+strings.Repeat("0", 6-len(frac)), 10, 40)
	if err != nil {
		return 0, ErrCelsius
	}
	v := int64(n)
	if neg {
		v = -v
	}
	if v < int64(AbsoluteZero) || v > int64(Hottest) {
		return 0, ErrCelsius
	}
	return Celsius(v), nil
}

// Lot is a production lot of a product (제조번호).
type Lot struct {
	GTIN    GTIN
	ID      string     // AI (10): 1 to 20 characters
	Expires civil.Date // last day of use; zero: not known
}

// Key names a lot: lots of two makers may have the same number.
func (l Lot) Key() LotKey { return LotKey{l.GTIN, l.ID} }

// LotKey names a lot within the world: product and number.
type LotKey struct {
	GTIN GTIN
	ID   string
}

// Box is the unit that is moved, held and released (상자): vials of one lot under one SSCC.
type Box struct {
	SSCC         SSCC
	Product      string // programme.Product.ID
	Lot          LotKey
	Vials        int
	DosesPerVial int
	Parent       SSCC // the pallet or outer case it is packed in from the beginning; zero: none. Later changes: [Index.Pack]
}

// Doses is how many doses are in a full box.
func (b *Box) Doses() int { return b.Vials * b.DosesPerVial }

// Point is what temperature belongs to: a vehicle, a cold room, a refrigerator, or a logger that rides in one box. It is any
// text of 1 to 128 bytes that the custody legs and the loggers' readings have in common, such as a GLN with extension or
// the vehicle's asset key.
type Point string

// Leg is one stretch of custody: boxes, from somebody to somebody, at one point, from an instant on and up to another.
type Leg struct {
	From, To  GLN // who hands over, who receives; equal for storage
	Point     Point
	Site      site.Num  // where the boxes are at the end of it, when that is a site; 0: not one
	Begin     time.Time // included
	End       time.Time // not included; zero: still going on
	Aboard    []SSCC    // boxes, or pallets that stand for what is packed in them when the leg begins
	Stage     Stage     // what state the vials are in; Unopened by default
	Unlogged  bool      // no logger is foreseen, as for minutes on a hand pallet truck: no reading is no gap
	Reference string    // bill of lading, event id: for people
}

// Stage is a state of the vials with clocks of its own.
type Stage uint8

// The stages.
const (
	Unopened  Stage = iota
	Thawed          // of a product that is stored frozen
	Punctured       // from the first needle on
)

func (s Stage) String() string {
	return [...]string{"unopened", "thawed", "punctured"}[min(s, Punctured)]
}
