package rush

import (
	"encoding/json"
	"maps"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// FuzzJSON: whatever encoding/json accepts, the scanners read the same.
func FuzzJSON(f *testing.F) {
	for _, s := range []string{
		`{}`, `[]`, ` { "a" : [ 1 , "x\"y\u00e9" , {"b":null} ] , "c":-1.5e3 } `, `[[],{},"",0,true]`,
		`{"a\n":1,"\u0062":{"c":"}"}}`, `{"number":null,"ticket":"t.가","pollAfterSeconds":2.5}`, `["\ud83d\ude00","` + "\xff" + `"]`, `123456789012345678901`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if json.Valid(b) {
			agree(t, b, 0)
			return
		}
		// Anything at all: no panic, no endless loop.
		_ = fields(b, func(_, _ []byte) bool { return true })
		_ = elements(b, func([]byte) bool { return true })
		_, _ = readPlace(b)
		_, _ = readLine(b)
		_, _ = readBookings(b)
		_ = readProblem(b)
		var r rng
		_, _, _, _ = pickSite(b, &r)
		_, _ = pickSlot(b, &r)
		_, _, _ = eachFree(b, func(string, []byte, int64) {})
	})
}

func agree(t *testing.T, b []byte, depth int) {
	if depth > 50 {
		return
	}
	b = b[space(b, 0):]
	switch b[0] {
	case '{':
		var want map[string]json.RawMessage
		if err := json.Unmarshal(b, &want); err != nil {
			return
		}
		got := map[string]json.RawMessage{}
		if err := fields(b, func(k, v []byte) bool { got[string(k)] = v; return true }); err != nil {
			t.Fatalf("%q: %v", b, err)
		}
		if !slices.Equal(slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want))) && plainKeys(want) {
			t.Fatalf("%q: keys %v, want %v", b, slices.Collect(maps.Keys(got)), slices.Collect(maps.Keys(want)))
		}
		for k, v := range got {
			if w, ok := want[k]; ok && string(w) != string(v) {
				t.Fatalf("%q: member %q is %q, want %q", b, k, v, w)
			}
			agree(t, v, depth+1)
		}
	case '[':
		var want, got []json.RawMessage
		if err := json.Unmarshal(b, &want); err != nil {
			return
		}
		if err := elements(b, func(v []byte) bool { got = append(got, v); return true }); err != nil {
			t.Fatalf("%q: %v", b, err)
		}
		if len(got) != len(want) {
			t.Fatalf("%q: %d elements, want %d", b, len(got), len(want))
		}
		for i := range got {
			if string(got[i]) != string(want[i]) {
				t.Fatalf("%q: element %q, want %q", b, got[i], want[i])
			}
			agree(t, got[i], depth+1)
		}
	case '"':
		var want string
		if json.Unmarshal(b, &want) == nil && text(b[:skipValue(b, 0)]) != want {
			t.Fatalf("%q: text %q, want %q", b, text(b), want)
		}
	case 't', 'f', 'n':
	default:
		raw := b[:skipValue(b, 0)]
		var want float64
		if json.Unmarshal(raw, &want) != nil {
			return
		}
		got, ok := decimal(raw)
		if !ok || got != want {
			t.Fatalf("%q: %v, want %v", raw, got, want)
		}
		if n, ok := whole(raw); !ok || math.Abs(want) < 1<<52 && float64(n) != math.Trunc(want) {
			t.Fatalf("%q: whole %d, want %v", raw, n, math.Trunc(want))
		}
	}
}

// plainKeys: encoding/json replaces invalid UTF-8 in keys, which the scanners leave alone.
func plainKeys(m map[string]json.RawMessage) bool {
	for k := range m {
		for _, c := range k {
			if c == 0xfffd {
				return false
			}
		}
	}
	return true
}

func TestAnswersAreRead(t *testing.T) {
	t.Parallel()
	p, err := readPlace([]byte(`{"ticket":"T","state":"waiting","number":5200,"ahead":400,"estimatedWaitSeconds":[10,25],"pollAfterSeconds":20,"pseudonym":"00ff"}`))
	if want := (placeDoc{"T", "waiting", 5200, 20 * time.Second, "00ff"}); err != nil || p != want {
		t.Errorf("place %+v, %v; want %+v", p, err, want)
	}
	if p, err = readPlace([]byte(`{"ticket":"T","state":"gathering","number":null,"pollAfterSeconds":60}`)); err != nil || p.number != 0 {
		t.Errorf("gathering place %+v, %v", p, err)
	}
	if _, err = readPlace([]byte(`{"code":"overloaded"}`)); err == nil {
		t.Error("a problem was read as a place")
	}
	l, err := readLine([]byte(`{"state":"open","joined":3,"admitted":2,"inside":1,"perMinute":1.5,"remaining":9,"drawCommitment":"c","serverTime":"x"}`))
	if want := (lineDoc{state: "open", joined: 3, admitted: 2, inside: 1, remaining: 9, commitment: "c"}); err != nil || l != want {
		t.Errorf("line %+v, %v; want %+v", l, err, want)
	}
	pr := readProblem([]byte(`{"type":"t","code":"slot-full","alternatives":[{"id":"a","free":1},{"id":"b"},"c"]}`))
	if diff := cmp.Diff(problem{"slot-full", []string{"a", "b", "c"}}, pr, cmp.AllowUnexported(problem{})); diff != "" {
		t.Error(diff)
	}
	list, err := readBookings([]byte(`{"bookings":[
		{"id":"1","campaign":{"id":"c","name":{"en":"x"}},"status":"booked","doses":[{"dose":1,"site":{"id":"s"},"start":"2021-07-26T09:00:00+09:00"},{"dose":2,"site":"s"}]},
		{"id":"2","campaign":"c","recipient":"r","status":"cancelled","doses":[]}]}`))
	want := []mine{{id: "1", campaign: "c", doses: 2, site: "s", day: "2021-07-26"}, {id: "2", campaign: "c", recipient: "r", cancelled: true}}
	if diff := cmp.Diff(want, list, cmp.AllowUnexported(mine{})); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
	if _, err := readBookings([]byte(`{"code":"internal"}`)); err == nil {
		t.Error("a problem was read as a list of bookings")
	}
}

func TestSitesAndSlotsArePickedOnlyWhereThereAreSeats(t *testing.T) {
	t.Parallel()
	sites := []byte(`{"sites":[{"id":"full","free":{"2021-07-26":0}},{"id":"b","free":{"2021-07-26":0,"2021-07-27":3}},{"id":"c","free":{"2021-07-28":1}}],"next":"n"}`)
	seen := map[string]int{}
	r := traits(1, 2, 3)
	for range 200 {
		site, day, next, err := pickSite(sites, &r)
		if err != nil || next != "n" {
			t.Fatal(err, next)
		}
		seen[site+" "+day]++
	}
	if len(seen) != 2 || seen["b 2021-07-27"] < 50 || seen["c 2021-07-28"] < 50 {
		t.Errorf("picked %v; want only b on the 27th and c on the 28th, both often", seen)
	}
	if site, _, _, err := pickSite([]byte(`{"sites":[]}`), &r); site != "" || err != nil {
		t.Errorf("picked %q of nothing, %v", site, err)
	}
	slots := []byte(`{"slots":[{"id":"x","free":0},{"id":"y","free":2},{"id":"z","free":1}]}`)
	seen = map[string]int{}
	for range 100 {
		s, err := pickSlot(slots, &r)
		if err != nil {
			t.Fatal(err)
		}
		seen[s]++
	}
	if len(seen) != 2 || seen["x"] != 0 {
		t.Errorf("picked %v", seen)
	}
	total := int64(0)
	n, next, err := eachFree(sites, func(_ string, _ []byte, free int64) { total += free })
	if n != 3 || total != 4 || next != "n" || err != nil {
		t.Errorf("%d sites, %d free, next %q, %v", n, total, next, err)
	}
}
