package stock_test

import (
	"strings"
	"testing"

	"charye/programme"
	"charye/walk/whole"
)

// TestUnknownRegion: a share of a region that there is not would bound nothing, so that nothing is served with it.
func TestUnknownRegion(t *testing.T) {
	t.Parallel()
	for region, want := range map[string]string{
		"서울": "", "서울특별시": "", "강원특별자치도": "", "제주도": "", // as usual, official, of today
		"평양": `campaigns[0].shares[1].region: there is no region "평양"`, "Seoul": `campaigns[0].shares[1].region: there is no region "Seoul"`,
	} {
		w, end := worldOf(t, spareRules)
		p, err := programme.Parse("test.yaml", []byte(strings.Replace(spareRules, "stock: 4", "stock: 4\n    shares: [{channel: calldesk, doses: 1}, {region: "+region+", doses: 2}]", 1)), programme.Options{})
		must(t, err)
		deps := w.Deps
		deps.Programme = p
		other, err := whole.New(t.Context(), deps)
		switch {
		case want == "" && err != nil, want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%s: %v, want %q", region, err, want)
		case err == nil:
			other.Stop()
		}
		end()
	}
}
