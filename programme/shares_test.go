package programme

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestShares(t *testing.T) {
	t.Parallel()
	p := mustParse(t, "full.yaml", Options{})
	c, _ := p.Campaign("everybody")
	for _, v := range []struct {
		now             string
		stock, reserved int
		desk, office    bool
	}{
		{"2026-10-31T23:59:59Z", 8, 4, true, true},
		{"2026-11-01T00:00:00Z", 8, 1, false, true},
		{"2026-11-02T00:00:00Z", 10, 1, false, true},
	} {
		now := at(v.now)
		_, desk := c.SetAside(ChannelDesk, now)
		_, office := c.SetAside(ChannelOffice, now)
		if c.StockAt(now) != v.stock || c.Reserved(now) != v.reserved || desk != v.desk || office != v.office {
			t.Errorf("%s: stock %d, reserved %d, desk %v, office %v; want %+v", v.now, c.StockAt(now), c.Reserved(now), desk, office, v)
		}
		for _, none := range []string{"", "web", ChannelClinic} {
			if n, ok := c.SetAside(none, now); ok {
				t.Errorf("%s: %d doses are set aside for %q", v.now, n, none)
			}
		}
	}
	if other, _ := p.Campaign("staff"); other.Channeled() || !c.Channeled() || other.Reserved(time.Time{}) != 0 {
		t.Error("the campaign without shares has some, or the one with them none")
	}
}

// TestAwayFrom: rules hold both ways, from their date on, and the later takes the place of the one before.
func TestAwayFrom(t *testing.T) {
	t.Parallel()
	p := mustParse(t, "full.yaml", Options{})
	for _, v := range []struct {
		product, on string
		want        []Away
	}{
		{"flu-a", "2025-12-31", nil},
		{"flu-a", "2026-01-01", []Away{{"two-shot", 14, false}}},
		{"two-shot", "2026-10-31", []Away{{"flu-a", 14, false}}},
		{"flu-a", "2026-11-01", []Away{{"two-shot", 14, true}}},
		{"two-shot", "2026-11-01", []Away{{"flu-a", 14, true}}},
	} {
		product, _ := p.Product(v.product)
		if d := cmp.Diff(v.want, p.AwayFrom(product, on(v.on))); d != "" {
			t.Errorf("%s on %s: %s", v.product, v.on, d)
		}
	}
}
