// Package epcistest is the conformance suite of [epcis.Store]: what every engine must do, whatever it is made of.
//
// It owns the checks and no engine.
package epcistest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"charye/supply/epcis"
)

// Open gives a store over a place; opening the same place again, also while the first is open, gives the same events.
type Open func(t testing.TB, place string) epcis.Store

var when = time.Date(2026, 9, 21, 1, 0, 0, 0, time.UTC)

// Run checks an engine.
func Run(t *testing.T, open Open) {
	for name, check := range map[string]func(*testing.T, Open){
		"Capture": captureIsRead, "Idempotent": sameAgain, "Conflict": conflictsAreRefused, "Declaration": declarations, "Report": reports,
		"Reopen": survivesReopening, "RecordTime": recordTimeNeverGoesBack, "Queries": queriesAgreeWithModel, "Patterns": patterns,
		"Paging": pagesWhileOthersCapture, "LargeEvents": largeEventsEndAPage, "Concurrent": concurrentCaptures, "Empty": emptyStore, "Names": namesOfAll,
		"Families": families, "Where": wheresAgreeWithPredicate, "Looks": looksAreBounded, "Counts": counts, "Within": placesWithin, "Named": namedQueries, "ManyNamed": fullOfQueries,
	} {
		t.Run(name, func(t *testing.T) { t.Parallel(); check(t, open) })
	}
}

// parse reads events of our own: the members beside the common ones.
func parse(t testing.TB, list ...string) []*epcis.Event {
	t.Helper()
	var out []*epcis.Event
	for _, more := range list {
		src := `{"@context":{"x":"https://example.com/x/"},"eventTimeZoneOffset":"+09:00",` + more + `}`
		one, err := epcis.Parse([]byte(src), 1)
		if err != nil {
			t.Fatalf("%v\n%s", err, src)
		}
		out = append(out, one...)
	}
	return out
}

func received(id string, hour int, more string) string {
	return fmt.Sprintf(`"type":"ObjectEvent","eventID":"urn:x:%s","eventTime":"2026-09-21T%02d:00:00+09:00","action":"OBSERVE","bizStep":"receiving","epcList":["urn:epc:id:sscc:8801234.0000000017"]%s`, id, hour, more)
}

func capture(t testing.TB, s epcis.Store, jobs ...epcis.Job) []epcis.Outcome {
	t.Helper()
	out, err := s.Capture(context.Background(), jobs)
	if err != nil || len(out) != len(jobs) {
		t.Fatalf("capture: %d outcomes of %d, %v", len(out), len(jobs), err)
	}
	return out
}

func taken(t testing.TB, s epcis.Store, want int, events ...*epcis.Event) {
	t.Helper()
	if out := capture(t, s, epcis.Job{At: when, Events: events}); out[0].Err != nil || out[0].New != want {
		t.Fatalf("captured %+v, want %d new", out[0], want)
	}
}

// all reads every page and gives the IDs; "!" marks declarations.
func all(t testing.TB, s epcis.Store, q epcis.Query) (ids []string) {
	t.Helper()
	for range 10_000 {
		p, err := s.Events(context.Background(), q)
		if err != nil {
			t.Fatal(err)
		}
		if len(p.Events) > q.Limit || len(p.Events) == 0 && p.Next != nil && len(q.Where) == 0 && q.First+q.Most == 0 {
			t.Fatalf("a page of %d events where %d were asked for", len(p.Events), q.Limit)
		}
		for _, e := range p.Events {
			ids = append(ids, label(e.ID, e.Declared))
		}
		if p.Next == nil {
			return ids
		}
		q.After = p.Next
	}
	t.Fatal("the pages do not end")
	return nil
}

func label(id string, declared bool) string {
	id = strings.TrimPrefix(id, "urn:x:")
	if declared {
		return id + "!"
	}
	return id
}

func emptyStore(t *testing.T, open Open) {
	s := open(t, t.TempDir())
	if ids := all(t, s, epcis.Query{Limit: 1}); len(ids) != 0 {
		t.Errorf("a new store has %v", ids)
	}
	if _, err := s.Event(context.Background(), "urn:x:1"); !errors.Is(err, epcis.ErrNotFound) {
		t.Errorf("an event that is not there: %v", err)
	}
	taken(t, s, 0)
}

func captureIsRead(t *testing.T, open Open) {
	s := open(t, t.TempDir())
	events := parse(t, received("1", 9, `,"x:note":{"b":1.50,"a":["é\u0000",null]}`), strings.Replace(received("2", 9, ""), `"eventID":"urn:x:2",`, "", 1))
	capture(t, s, epcis.Job{By: "maker", At: when, Events: events}, epcis.Job{By: "another", At: when, Events: events})
	for _, e := range events {
		got, err := s.Event(context.Background(), e.ID)
		if err != nil || len(got) != 1 {
			t.Fatalf("%d events, %v", len(got), err)
		}
		want := epcis.Stored{Seq: got[0].Seq, ID: e.ID, Recorded: when, By: "maker", JSON: e.JSON, Context: e.Context}
		if diff := cmp.Diff(want, got[0]); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
		again, err := epcis.Parse(got[0].Alone(), 1)
		if err != nil || again[0].Content != e.Content || again[0].ID != e.ID {
			t.Errorf("it does not come back the same: %v\n%s", err, got[0].Alone())
		}
	}
}

func sameAgain(t *testing.T, open Open) {
	s := open(t, t.TempDir())
	taken(t, s, 1, parse(t, received("1", 9, `,"x:n":1.50`))...)
	taken(t, s, 0, parse(t, received("1", 9, `,"x:n":15e-1`))...) // written otherwise, and says the same
	taken(t, s, 1, parse(t, received("1", 9, `,"x:n":1.5`), received("2", 9, ""), received("2", 9, ""))...)
	if got := all(t, s, epcis.Query{Limit: 10, Order: epcis.ByRecordTime, Ascending: true}); !slices.Equal(got, []string{"1", "2"}) {
		t.Errorf("kept %v", got)
	}
}

func conflictsAreRefused(t *testing.T, open Open) {
	s := open(t, t.TempDir())
	taken(t, s, 1, parse(t, received("1", 9, ""))...)
	out := capture(t, s,
		epcis.Job{ID: "a", At: when, Events: parse(t, received("2", 9, ""), received("1", 10, ""), received("3", 9, ""))},
		epcis.Job{ID: "b", At: when, Events: parse(t, received("2", 11, ""))},
		epcis.Job{ID: "c", At: when, Events: parse(t, received("4", 9, ""), received("4", 10, ""))})
	c, ok := errors.AsType[*epcis.ConflictError](out[0].Err)
	if !ok || c.Index != 1 || c.ID != "urn:x:1" {
		t.Errorf("another event of a known ID: %v", out[0].Err)
	}
	if out[1].Err != nil || out[1].New != 1 || out[2].Err == nil {
		t.Errorf("%+v", out)
	}
	if got := all(t, s, epcis.Query{Limit: 10, Order: epcis.ByRecordTime, Ascending: true}); !slices.Equal(got, []string{"1", "2"}) {
		t.Errorf("kept %v: a job goes whole or not at all", got)
	}
}

const wrong = `,"errorDeclaration":{"declarationTime":"2026-09-22T00:00:00Z","reason":"did_not_occur"}`

func declarations(t *testing.T, open Open) {
	s := open(t, t.TempDir())
	taken(t, s, 2, parse(t, received("1", 9, ""), received("2", 9, ""))...)
	taken(t, s, 1, parse(t, received("1", 9, wrong))...)
	taken(t, s, 0, parse(t, received("1", 9, wrong), received("1", 9, ""))...)
	for _, other := range []string{received("2", 10, wrong), received("1", 9, strings.Replace(wrong, "22", "23", 1))} {
		if out := capture(t, s, epcis.Job{At: when, Events: parse(t, other)}); out[0].Err == nil {
			t.Errorf("taken: %s", other)
		}
	}
	got, err := s.Event(context.Background(), "urn:x:1")
	if err != nil || len(got) != 2 || got[0].Declared || !got[1].Declared {
		t.Errorf("%+v, %v", got, err)
	}
	if got := all(t, s, epcis.Query{Limit: 1, Declared: true}); !slices.Equal(got, []string{"1!"}) {
		t.Errorf("declared wrong: %v", got)
	}
	taken(t, s, 2, parse(t, received("9", 9, wrong), received("9", 9, ""))...) // the declaration came first
}

func reports(t *testing.T, open Open) {
	s := open(t, t.TempDir())
	capture(t, s, epcis.Job{ID: "a", By: "maker", At: when, Events: parse(t, received("1", 9, ""), received("1", 9, ""))},
		epcis.Job{ID: "b", By: "carrier", At: when, Events: parse(t, received("1", 10, ""))}, epcis.Job{At: when, Events: parse(t, received("2", 10, ""))})
	for _, want := range []epcis.Report{{ID: "a", By: "maker", Created: when, Events: 2, New: 1}, {ID: "b", By: "carrier", Created: when, Events: 1, Problem: "?"}} {
		got, err := s.Report(context.Background(), want.ID)
		if err != nil || got.Finished.IsZero() || (got.Problem == "") != (want.Problem == "") {
			t.Errorf("%+v, %v", got, err)
		}
		got.Problem, got.Finished, want.Problem = "", time.Time{}, ""
		if got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
	if _, err := s.Report(context.Background(), "c"); !errors.Is(err, epcis.ErrNotFound) {
		t.Error(err)
	}
}

func survivesReopening(t *testing.T, open Open) {
	place := t.TempDir()
	s := open(t, place)
	taken(t, s, 1, parse(t, received("1", 9, ""))...)
	other := open(t, place)
	taken(t, other, 1, parse(t, received("1", 9, ""), received("2", 9, ""))...)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	taken(t, other, 1, parse(t, received("3", 9, ""))...)
	if got := all(t, open(t, place), epcis.Query{Limit: 2, Order: epcis.ByRecordTime, Ascending: true}); !slices.Equal(got, []string{"1", "2", "3"}) {
		t.Errorf("kept %v", got)
	}
}

func recordTimeNeverGoesBack(t *testing.T, open Open) {
	s := open(t, t.TempDir())
	for i, at := range []time.Time{when.Add(time.Hour), when, when.Add(2 * time.Hour)} {
		capture(t, s, epcis.Job{At: at, Events: parse(t, received(fmt.Sprint(i), 9, ""))})
	}
	p, err := s.Events(context.Background(), epcis.Query{Limit: 10, Order: epcis.ByRecordTime, Ascending: true})
	if err != nil || len(p.Events) != 3 {
		t.Fatal(len(p.Events), err)
	}
	for i, want := range []int{1, 1, 2} {
		if got := p.Events[i].Recorded; !got.Equal(when.Add(time.Duration(want) * time.Hour)) {
			t.Errorf("event %d was recorded at %v", i, got)
		}
	}
	if got := all(t, s, epcis.Query{Limit: 10, RecordedFrom: when.Add(time.Hour), RecordedBefore: when.Add(2 * time.Hour), Order: epcis.ByRecordTime}); !slices.Equal(got, []string{"1", "0"}) {
		t.Errorf("by record time: %v", got)
	}
}

func patterns(t *testing.T, open Open) {
	s := open(t, t.TempDir())
	event := func(id, epcs string) string {
		return fmt.Sprintf(`"type":"ObjectEvent","eventID":"urn:x:%s","eventTime":"2026-09-21T09:00:00Z","action":"OBSERVE",%s`, id, epcs)
	}
	taken(t, s, 5, parse(t,
		event("urn", `"epcList":["urn:epc:id:sgtin:0614141.107346.2017"]`), event("link", `"epcList":["https://example.com/01/10614141073464/21/2018"]`),
		event("next", `"epcList":["urn:epc:id:sgtin:0614141.107347.2017"]`), event("lot", `"quantityList":[{"epcClass":"urn:epc:class:lgtin:0614141.107346.L1"}]`),
		event("box", `"epcList":["urn:epc:id:sscc:0614141.1234567890"]`))...)
	for _, c := range []struct {
		name, value string
		want        []string
	}{
		{"MATCH_epc", "urn:epc:id:sgtin:0614141.107346.2018", []string{"link"}},
		{"MATCH_epc", "https://id.gs1.org/01/10614141073464/21/2017", []string{"urn"}},
		{"MATCH_epc", "urn:epc:idpat:sgtin:0614141.107346.*", []string{"link", "urn"}},
		{"MATCH_anyEPC", "urn:epc:idpat:sgtin:0614141.*.*|urn:epc:idpat:sscc:0614141.*", []string{"box", "link", "next", "urn"}},
		{"MATCH_epcClass", "https://id.gs1.org/01/10614141073464/10/L1", []string{"lot"}},
		{"MATCH_anyEPCClass", "urn:epc:idpat:lgtin:0614141.107346.*", []string{"lot"}},
		{"MATCH_parentID", "urn:epc:id:sscc:0614141.1234567890", nil},
	} {
		q, err := epcis.ParseQuery(map[string][]string{c.name: {c.value}}, nil)
		if err != nil {
			t.Fatal(err)
		}
		got := all(t, s, q)
		slices.Sort(got)
		if !slices.Equal(got, c.want) {
			t.Errorf("%s=%s gives %v, want %v", c.name, c.value, got, c.want)
		}
	}
}

// largeEventsEndAPage has events that do not fit onto one page by their bytes.
func largeEventsEndAPage(t *testing.T, open Open) {
	s := open(t, t.TempDir())
	for i := range 12 {
		taken(t, s, 1, parse(t, received(fmt.Sprint(i), i, `,"x:large":"`+strings.Repeat("a", epcis.MaxEventBytes*9/10)+`"`))...)
	}
	p, err := s.Events(context.Background(), epcis.Query{Limit: 100, Ascending: true})
	if err != nil || p.Next == nil || len(p.Events) < 2 || len(p.Events) > 9 {
		t.Fatalf("a page of %d large events, %v", len(p.Events), err)
	}
	if got := all(t, s, epcis.Query{Limit: 100, Ascending: true}); len(got) != 12 {
		t.Errorf("%d events on all pages", len(got))
	}
}

func concurrentCaptures(t *testing.T, open Open) {
	place := t.TempDir()
	stores := []epcis.Store{open(t, place), open(t, place)}
	const writers, each = 6, 15
	var wg sync.WaitGroup
	var mu sync.Mutex
	added, refused := 0, 0
	for w := range writers {
		var list [][]*epcis.Event
		for i := range each { // each event is brought by two writers, one in three of them with other content
			hour := 9
			if i%3 == 0 {
				hour += w % 2
			}
			list = append(list, parse(t, received(fmt.Sprintf("%d-%d", w/2, i), hour, "")))
		}
		wg.Go(func() {
			for _, events := range list {
				out, err := stores[w%2].Capture(context.Background(), []epcis.Job{{At: when, Events: events}})
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				added += out[0].New
				if out[0].Err != nil {
					refused++
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if added != writers/2*each || refused != writers/2*each/3 {
		t.Errorf("%d added and %d refused; want %d and %d", added, refused, writers/2*each, writers/2*each/3)
	}
	got := all(t, stores[0], epcis.Query{Limit: 7})
	slices.Sort(got)
	if len(got) != writers/2*each || len(slices.Compact(got)) != len(got) {
		t.Errorf("%d events are there", len(got))
	}
}

// pagesWhileOthersCapture reads pages while events come that would be on them, and loses and repeats nothing.
func pagesWhileOthersCapture(t *testing.T, open Open) {
	s := open(t, t.TempDir())
	var first []*epcis.Event
	for i := range 60 {
		first = append(first, parse(t, received(fmt.Sprintf("first-%d", i), i%5, ""))...)
	}
	taken(t, s, 60, first...)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
				taken(t, s, 1, parse(t, received(fmt.Sprintf("later-%d", i), i%5, ""))...)
			}
		}
	})
	for _, q := range []epcis.Query{{Limit: 7}, {Limit: 7, Ascending: true}, {Limit: 7, Order: epcis.ByRecordTime}, {Limit: 7, Order: epcis.ByRecordTime, Ascending: true},
		{Limit: 7, BizSteps: []string{"receiving"}, Matches: []epcis.Match{{Roles: []epcis.Role{epcis.RoleEPC}, Wanted: epcis.Wanted{Keys: []string{epcis.Key("urn:epc:id:sscc:8801234.0000000017")}}}}}} {
		p, err := s.Events(context.Background(), q)
		if err != nil {
			t.Fatal(err)
		}
		bound := p.Next.Bound
		got := map[string]bool{}
		for {
			for _, e := range p.Events {
				if got[e.ID] || e.Seq > bound {
					t.Errorf("%s is there twice, or came too late", e.ID)
				}
				got[e.ID] = true
			}
			if p.Next == nil {
				break
			}
			q.After = p.Next
			if p, err = s.Events(context.Background(), q); err != nil {
				t.Fatal(err)
			}
		}
		for _, e := range first {
			if !got[e.ID] {
				t.Errorf("%s is on no page", e.ID)
			}
		}
		if int64(len(got)) != bound {
			t.Errorf("%d events on the pages, %d were there", len(got), bound)
		}
	}
	close(stop)
	wg.Wait()
}

// queriesAgreeWithModel asks made-up questions about made-up events and compares with a plain filter.
func queriesAgreeWithModel(t *testing.T, open Open) {
	s := open(t, t.TempDir())
	steps, actions, places := []string{"receiving", "shipping", "https://example.com/own"}, []string{"ADD", "OBSERVE", "DELETE"}, []string{"urn:x:here", "urn:x:there"}
	epcs := []string{"urn:x:a", "urn:x:b", "urn:x:c"}
	var events []*epcis.Event
	for i := range 200 {
		pick := func(list []string, n int) string { return list[(i/n)%len(list)] }
		more := fmt.Sprintf(`"eventID":"urn:x:%d","eventTime":"2026-09-21T%02d:00:00Z"`, i, i*7%24)
		switch i % 4 {
		case 3:
			more += fmt.Sprintf(`,"type":"TransformationEvent","inputEPCList":[%q],"outputQuantityList":[{"epcClass":%q}]`, pick(epcs, 1), pick(epcs, 5))
		case 2:
			more += fmt.Sprintf(`,"type":"AggregationEvent","action":%q,"parentID":%q,"childEPCs":[%q,%q]`, pick(actions, 1), pick(epcs, 1), pick(epcs, 2), pick(epcs, 7))
		default:
			more += fmt.Sprintf(`,"type":"ObjectEvent","action":%q,"epcList":[%q],"disposition":"in_transit"`, pick(actions, 2), pick(epcs, 3))
		}
		if i%5 != 0 {
			more += fmt.Sprintf(`,"bizStep":%q`, pick(steps, 1))
		}
		if i%3 != 0 {
			more += fmt.Sprintf(`,"readPoint":{"id":%q},"bizLocation":{"id":%q}`, pick(places, 1), pick(places, 3))
		}
		events = append(events, parse(t, more)...)
		if i%20 == 0 {
			events = append(events, parse(t, more+wrong)...)
		}
	}
	for i := 0; i < len(events); i += 30 {
		capture(t, s, epcis.Job{At: when.Add(time.Duration(i) * time.Second), Events: events[i:min(i+30, len(events))]})
	}
	some := func(r *rapid.T, name string, list []string) []string {
		if rapid.IntRange(0, 3).Draw(r, name+"?") != 0 {
			return nil
		}
		return rapid.SliceOfN(rapid.SampledFrom(list), 1, 3).Draw(r, name)
	}
	rapid.Check(t, func(r *rapid.T) {
		q := epcis.Query{
			Types: some(r, "types", epcis.EventTypes()[:4]), Actions: some(r, "actions", actions), BizSteps: some(r, "steps", steps), Dispositions: some(r, "dispositions", []string{"in_transit", "recalled"}),
			ReadPoints: some(r, "points", places), BizLocations: some(r, "places", places), IDs: some(r, "ids", []string{"urn:x:1", "urn:x:20", "urn:x:999"}),
			Declared: rapid.IntRange(0, 5).Draw(r, "declared") == 0, Ascending: rapid.Bool().Draw(r, "ascending"), Limit: rapid.IntRange(1, 50).Draw(r, "limit"),
		}
		if rapid.Bool().Draw(r, "by record time") {
			q.Order = epcis.ByRecordTime
		}
		if rapid.Bool().Draw(r, "from") {
			q.From = time.Date(2026, 9, 21, rapid.IntRange(0, 23).Draw(r, "hour"), 0, 0, 0, time.UTC)
		}
		if rapid.IntRange(0, 2).Draw(r, "before") == 0 {
			q.Before = time.Date(2026, 9, 21, rapid.IntRange(0, 23).Draw(r, "hour"), 0, 0, 0, time.UTC)
		}
		for _, roles := range [][]epcis.Role{{epcis.RoleEPC, epcis.RoleChild}, {epcis.RoleParent}, {epcis.RoleInput, epcis.RoleOutputClass}} {
			if want := some(r, "match", epcs); want != nil {
				q.Matches = append(q.Matches, epcis.Match{Roles: roles, Wanted: epcis.Wanted{Keys: want}})
			}
		}
		var want []string
		for _, e := range sorted(events, q) {
			if meets(e, q) {
				want = append(want, label(e.ID, e.Declared()))
			}
		}
		if diff := cmp.Diff(want, all(t, s, q)); diff != "" {
			r.Fatalf("%+v (-want +got):\n%s", q, diff)
		}
	})
}

func sorted(events []*epcis.Event, q epcis.Query) []*epcis.Event {
	out := slices.Clone(events)
	if q.Order == epcis.ByEventTime {
		slices.SortStableFunc(out, func(a, b *epcis.Event) int { return a.Time.Compare(b.Time) })
	}
	if !q.Ascending {
		slices.Reverse(out)
	}
	return out
}

func meets(e *epcis.Event, q epcis.Query) bool {
	in := func(list []string, v string) bool { return list == nil || slices.Contains(list, v) }
	if !in(q.Types, e.Type) || !in(q.Actions, e.Action) || !in(q.BizSteps, e.BizStep) || !in(q.Dispositions, e.Disposition) || !in(q.ReadPoints, e.ReadPoint) ||
		!in(q.BizLocations, e.BizLocation) || !in(q.IDs, e.ID) || q.Declared && !e.Declared() ||
		!q.From.IsZero() && e.Time.Before(q.From) || !q.Before.IsZero() && !e.Time.Before(q.Before) {
		return false
	}
	for _, m := range q.Matches {
		if !slices.ContainsFunc(e.Mentions(), func(x epcis.Mention) bool {
			return slices.Contains(m.Roles, x.Role) && slices.Contains(m.Wanted.Keys, x.Key)
		}) {
			return false
		}
	}
	return true
}
