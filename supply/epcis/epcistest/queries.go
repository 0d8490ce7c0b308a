package epcistest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"charye/supply/epcis"
)

// namedQueries are kept, listed and deleted, also across stores over one place.
func namedQueries(t *testing.T, open Open) {
	ctx, place := context.Background(), t.TempDir()
	s, other := open(t, place), open(t, place)
	var want []epcis.NamedQuery
	for _, name := range []string{"b", "a", "Z", "가"} {
		n := epcis.NamedQuery{Name: name, By: "maker", Created: when, JSON: json.RawMessage(`{"EQ_action":["ADD"],"x":"` + name + `"}`)}
		if err := s.AddQuery(ctx, n); err != nil {
			t.Fatal(err)
		}
		want = append(want, n)
	}
	slices.SortFunc(want, func(a, b epcis.NamedQuery) int { return strings.Compare(a.Name, b.Name) })
	if err := other.AddQuery(ctx, epcis.NamedQuery{Name: "a", By: "another", Created: when, JSON: json.RawMessage(`{}`)}); !errors.Is(err, epcis.ErrTaken) {
		t.Errorf("a second of one name: %v", err)
	}
	for _, c := range []struct {
		after string
		most  int
		want  []epcis.NamedQuery
	}{{"", 10, want}, {"", 2, want[:2]}, {"a", 10, want[2:]}, {"가", 10, nil}} {
		got, err := other.Queries(ctx, c.after, c.most)
		if diff := cmp.Diff(c.want, got, cmpopts.EquateEmpty()); diff != "" || err != nil {
			t.Errorf("%d after %q: %v (-want +got)\n%s", c.most, c.after, err, diff)
		}
	}
	if got, err := other.Query(ctx, "a"); err != nil || !cmp.Equal(got, want[1]) {
		t.Errorf("%+v, %v", got, err)
	}
	if err := other.DeleteQuery(ctx, "a"); err != nil {
		t.Error(err)
	}
	if _, err := s.Query(ctx, "a"); !errors.Is(err, epcis.ErrNotFound) {
		t.Errorf("it was deleted: %v", err)
	}
	if err := s.DeleteQuery(ctx, "a"); !errors.Is(err, epcis.ErrNotFound) {
		t.Errorf("deleted twice: %v", err)
	}
}

// fullOfQueries: no more are kept than the bound says, also when several come at once; a deletion makes room.
func fullOfQueries(t *testing.T, open Open) {
	ctx := context.Background()
	s := open(t, t.TempDir())
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := w; i < epcis.MaxQueries; i += 4 {
				if err := s.AddQuery(ctx, epcis.NamedQuery{Name: fmt.Sprint(i), By: "maker", Created: when, JSON: json.RawMessage(`{}`)}); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	more := epcis.NamedQuery{Name: "more", By: "maker", Created: when, JSON: json.RawMessage(`{}`)}
	if err := s.AddQuery(ctx, more); !errors.Is(err, epcis.ErrManyQueries) {
		t.Errorf("one too many: %v", err)
	}
	more.Name = "7"
	if err := s.AddQuery(ctx, more); !errors.Is(err, epcis.ErrTaken) {
		t.Errorf("one that is there: %v", err)
	}
	more.Name = "more"
	if err := errors.Join(s.DeleteQuery(ctx, "7"), s.AddQuery(ctx, more)); err != nil {
		t.Errorf("after a deletion: %v", err)
	}
}
