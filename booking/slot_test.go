package booking_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"charye/booking"
	"charye/internal/civil"
	"charye/site"
)

func TestParseSlot(t *testing.T) {
	t.Parallel()
	good := map[string]booking.Slot{
		"1042-20210726-0900-moderna": {
			Session: booking.Session{Site: 1042, Day: civil.New(2021, 7, 26), Minute: 540}, Product: "moderna",
		},
		"16777215-21490606-2359-flu-4": {
			Session: booking.Session{Site: site.MaxNum, Day: 1<<16 - 1, Minute: 1439}, Product: "flu-4",
		},
		"0-19700101-0000-x": {Product: "x"},
	}
	for text, want := range good {
		got, err := booking.ParseSlot(text)
		if err != nil || got != want {
			t.Errorf("ParseSlot(%q) = %v, %v; want %v", text, got, err, want)
		}
		if back := want.String(); back != text {
			t.Errorf("String() = %q, want %q", back, text)
		}
	}
	for _, text := range badSlots {
		if got, err := booking.ParseSlot(text); !errors.Is(err, booking.ErrBadSlot) {
			t.Errorf("ParseSlot(%q) = %v, %v; want ErrBadSlot", text, got, err)
		}
	}
}

var badSlots = []string{
	"", "-", "---", "1042", "1042-20210726-0900", "1042-20210726-0900-", "01042-20210726-0900-moderna", "-1-20210726-0900-moderna",
	"+1-20210726-0900-moderna", "16777216-20210726-0900-moderna", "99999999999999999999-20210726-0900-moderna",
	"1042-20210231-0900-moderna", "1042-20211301-0900-moderna", "1042-20210700-0900-moderna", "1042-19691231-0900-moderna",
	"1042-21490607-0900-moderna", "1042-2021726-0900-moderna", "1042-20210726-2400-moderna", "1042-20210726-0960-moderna",
	"1042-20210726-900-moderna", "1042-20210726-09:00-moderna", "1042-20210726-0900-Moderna", "1042-20210726-0900-mod erna",
	"1042-20210726-0900-모더나", "1042-20210726-0900-moderna\n", " 1042-20210726-0900-moderna", "１-20210726-0900-moderna",
	"1042-20210726-0900-" + strings.Repeat("m", 65),
}

func FuzzParseSlot(f *testing.F) {
	f.Add("1042-20210726-0900-moderna")
	for _, text := range badSlots {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := booking.ParseSlot(text)
		if err != nil {
			return
		}
		if back := s.String(); back != text {
			t.Errorf("%q was read, and is written %q", text, back)
		}
		if c := booking.SeatCounter(s.Session); c == 0 {
			t.Errorf("%q has no counter", text)
		}
	})
}

func anySession() *rapid.Generator[booking.Session] {
	return rapid.Custom(func(t *rapid.T) booking.Session {
		return booking.Session{
			Site:   site.Num(rapid.Uint32Range(0, uint32(site.MaxNum)).Draw(t, "site")),
			Day:    civil.Date(rapid.Int32Range(0, 1<<16-1).Draw(t, "day")),
			Minute: rapid.IntRange(0, 1439).Draw(t, "minute"),
		}
	})
}

func TestSlotText(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := booking.Slot{Session: anySession().Draw(t, "session"), Product: rapid.StringMatching(`[a-z0-9-]{1,64}`).Draw(t, "product")}
		if got, err := booking.ParseSlot(s.String()); err != nil || got != s {
			t.Errorf("%q reads back as %v, %v", s.String(), got, err)
		}
	})
}

func TestCounter(t *testing.T) {
	t.Parallel()
	seat := booking.SeatCounter(booking.Session{Site: 1042, Day: civil.New(2021, 7, 26), Minute: 540})
	stock := booking.StockCounter(7)
	for _, c := range []struct {
		counter booking.Counter
		kind    booking.CounterKind
		text    string
	}{
		{seat, booking.KindSeat, "seat:1042-20210726-0900"},
		{stock, booking.KindStock, "stock:7"},
		{booking.StockCounter(1<<32 - 1), booking.KindStock, "stock:4294967295"},
		{0, 0, "counter:0x0"},
		{stock | 1<<40, booking.KindStock, "counter:0x20010000000007"},
		{1 << 63, 0, "counter:0x8000000000000000"},
		{booking.ChannelShareCounter(7, 3), booking.KindChannelShare, "channel:7-3"},
		{booking.RegionShareCounter(7, 11), booking.KindRegionShare, "region:7-11"},
		{booking.DayShareCounter(7, civil.New(2021, 7, 26)), booking.KindDayShare, "day:7-2021-07-26"},
		{booking.DayShareCounter(7, -1), 0, "counter:0x0"},
		{booking.VialsCounter(1042, 300), booking.KindVials, "vials:1042-300"},
		{booking.OpenedCounter(1042, civil.New(2021, 7, 26), booking.Vial{Product: 300, Doses: 10}), booking.KindOpened, "opened:1042-2021-07-26-300 of 10"},
		{11 << 52, 0, "counter:0xb0000000000000"},
		{booking.WithdrawnCounter(7), booking.KindDelivered, "withdrawn:7"},
		{booking.ForwardCounter(7, civil.New(2021, 7, 26)), booking.KindForward, "forward:7-2021-07-26"},
		{booking.ForwardCounter(7, -1), 0, "counter:0x0"},
		{booking.DisplacedCounter(7), booking.KindDisplaced, "displaced:7"},
		{booking.OnceCounter("deliver 7"), booking.KindOnce, "once:" + fmt.Sprintf("%013x", uint64(booking.OnceCounter("deliver 7"))&(1<<52-1))},
		{10 << 52, 0, "counter:0xa0000000000000"},
		{booking.LeftoverCounter(42), booking.KindLeftover, "leftover:42"},
	} {
		if c.counter.Kind() != c.kind || c.counter.String() != c.text {
			t.Errorf("%#x is %d %q, want %d %q", uint64(c.counter), c.counter.Kind(), c.counter, c.kind, c.text)
		}
	}
	if _, ok := stock.Session(); ok {
		t.Error("a stock has a session")
	}
	if n, ok := stock.Campaign(); !ok || n != 7 {
		t.Errorf("campaign %d, %v", n, ok)
	}
	if _, ok := seat.Campaign(); ok {
		t.Error("a seat has a campaign")
	}
	for _, s := range []booking.Session{
		{Site: site.MaxNum + 1}, {Day: -1}, {Day: 1 << 16}, {Minute: -1}, {Minute: 1440},
	} {
		if c := booking.SeatCounter(s); c != 0 {
			t.Errorf("%+v has the counter %v", s, c)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		at := site.Num(rapid.Uint32Range(0, uint32(site.MaxNum)).Draw(t, "site"))
		day := civil.New(2020, 1, 1) + civil.Date(rapid.IntRange(0, 1<<14-1).Draw(t, "day"))
		v := booking.Vial{Product: uint16(rapid.IntRange(1, booking.MaxVialProduct).Draw(t, "product")), Doses: rapid.IntRange(1, booking.MaxVialDoses).Draw(t, "doses")}
		if s, d, w, ok := booking.OpenedCounter(at, day, v).Opened(); !ok || s != at || d != day || w != v {
			t.Errorf("%d, %v, %v unpack as %d, %v, %v", at, day, v, s, d, w)
		}
		if s, p, ok := booking.VialsCounter(at, v.Product).Vials(); !ok || s != at || p != v.Product {
			t.Errorf("%d, %d unpack as %d, %d", at, v.Product, s, p)
		}
	})
	rapid.Check(t, func(t *rapid.T) {
		a, b := anySession().Draw(t, "a"), anySession().Draw(t, "b")
		if got, ok := booking.SeatCounter(a).Session(); !ok || got != a {
			t.Errorf("%v unpacks as %v", a, got)
		}
		if (booking.SeatCounter(a) == booking.SeatCounter(b)) != (a == b) {
			t.Errorf("%v and %v", a, b)
		}
		if a.Day < b.Day && booking.SeatCounter(a) >= booking.SeatCounter(b) {
			t.Errorf("counters are not in order of days: %v, %v", a, b)
		}
	})
}

func TestNumber(t *testing.T) {
	t.Parallel()
	// 572 and its check digit 4 are the worked example of Damm's method.
	for id, want := range map[int64]string{
		572: "0000-0572-4", 1: "0000-0001-3", 99_999_999: "9999-9999-9", 100_000_000: "0001-0000-0000-5",
		0: "", -1: "", 1e16: "",
	} {
		if got := booking.Number(id); got != want {
			t.Errorf("Number(%d) = %q, want %q", id, got, want)
		}
	}
	for _, text := range []string{"0000-0572-4", "000005724", "0000 0572 4", " 0000-0572-4 "} {
		if id, err := booking.ParseNumber(text); err != nil || id != 572 {
			t.Errorf("ParseNumber(%q) = %d, %v", text, id, err)
		}
	}
	for _, text := range badNumbers {
		if id, err := booking.ParseNumber(text); !errors.Is(err, booking.ErrBadNumber) {
			t.Errorf("ParseNumber(%q) = %d, %v; want ErrBadNumber", text, id, err)
		}
	}
}

var badNumbers = []string{
	"", "4", "5724", "0000-0572-5", "0000-0527-4", "0000-0000-0", "0000-0000-0572-4", "0000-0572-x", "+000-0572-4",
	"٠000-0572-4", strings.Repeat("0", 65), strings.Repeat("-", 64), "1-0000-0000-0000-0000-2",
}

func FuzzParseNumber(f *testing.F) {
	f.Add("0000-0572-4")
	for _, text := range badNumbers {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		id, err := booking.ParseNumber(text)
		if err != nil {
			return
		}
		plain := func(s string) string { return strings.NewReplacer("-", "", " ", "").Replace(s) }
		if plain(booking.Number(id)) != plain(text) {
			t.Errorf("%q is read as %d, whose number is %q", text, id, booking.Number(id))
		}
	})
}

// TestNumberSlips says a number with one digit wrong or two neighbours swapped.
func TestNumberSlips(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		id := rapid.Int64Range(1, 1e16-1).Draw(t, "id")
		said := []byte(strings.ReplaceAll(booking.Number(id), "-", ""))
		if got, err := booking.ParseNumber(string(said)); err != nil || got != id {
			t.Fatalf("%s reads as %d, %v", said, got, err)
		}
		i := rapid.IntRange(0, len(said)-1).Draw(t, "at")
		wrong := []byte(string(said))
		wrong[i] = byte('0' + (int(said[i]-'0')+rapid.IntRange(1, 9).Draw(t, "by"))%10)
		if got, err := booking.ParseNumber(string(wrong)); err == nil {
			t.Errorf("%s passes as %d, said for %s", wrong, got, said)
		}
		if i > 0 && said[i] != said[i-1] {
			swapped := []byte(string(said))
			swapped[i], swapped[i-1] = swapped[i-1], swapped[i]
			if got, err := booking.ParseNumber(string(swapped)); err == nil {
				t.Errorf("%s passes as %d, said for %s", swapped, got, said)
			}
		}
	})
}
