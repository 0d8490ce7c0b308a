package supply_test

import (
	"errors"
	"net/url"
	"strings"
	"testing"

	"charye/internal/civil"
	"charye/supply"
)

func TestParseLink(t *testing.T) {
	t.Parallel()
	g, _ := supply.ParseGTIN("06291041500213")
	for text, want := range map[string]supply.Elements{
		"https://id.gs1.org/01/06291041500213/10/ABC/21/1%2F2?17=201200&x=y":  {GTIN: g, Lot: "ABC", Serial: "1/2", Expires: civil.New(2020, 12, 31)},
		"http://maker.example/some/where/01/6291041500213/21/A?15=nonsense#f": {GTIN: g, Serial: "A"},
		"https://id.gs1.org/00/376104250021234569":                            {SSCC: 376104250021234569},
		"https://id.gs1.org/01/06291041500213/":                               {GTIN: g},
	} {
		if got, err := supply.ParseLink(text); err != nil || got != want {
			t.Errorf("%q: %+v, %v, want %+v", text, got, err, want)
		}
	}
	for text, tells := range map[string]string{
		"https://id.gs1.org/01/06291041500214": "check digit", "https://id.gs1.org/01": "pairs", "https://id.gs1.org/": "want …/01/GTIN", "urn:epc:id:sscc:0614141.1": "no Digital Link",
		"https://id.gs1.org/01/06291041500213/21": "pairs", "https://id.gs1.org/01/06291041500213/21/" + strings.Repeat("1", 21): "want 20", "https://id.gs1.org/01/06291041500213/99/x": "no AI",
		"https://id.gs1.org/01/06291041500213/21/A?21=B": "twice", "https://id.gs1.org/01/06291041500213/21/%ff": "set 82", "https://id.gs1.org/414/0614141123452?21=1": "only together with (01)",
	} {
		if _, err := supply.ParseLink(text); !errors.Is(err, supply.ErrElements) || !strings.Contains(err.Error(), tells) {
			t.Errorf("%q: %v, want %q", text, err, tells)
		}
	}
}

// FuzzLabel: what a label or link says of a vial is a name that its own label says too.
func FuzzLabel(f *testing.F) {
	f.Add("(01)06291041500213(17)201200(10)ABC(21)S(1)2")
	f.Add("]d2010629104150021310A\x1d21B\x1d17201200")
	f.Add("https://id.gs1.org/01/06291041500213/10/ABC/21/1%2F2?17=201200")
	f.Fuzz(func(t *testing.T, s string) {
		parse := supply.ParseElements
		if supply.IsLink(s) {
			parse = supply.ParseLink
		}
		e, err := parse(s)
		if err != nil {
			if !errors.Is(err, supply.ErrElements) {
				t.Error(err)
			}
			return
		}
		k, ok := e.SGTIN()
		if !ok {
			return
		}
		if !k.Valid() || k.IsZero() {
			t.Errorf("%q names %+v", s, k)
		}
		for _, text := range []string{k.String(), "https://id.gs1.org/01/" + k.GTIN.String() + "/21/" + url.PathEscape(k.Serial)} {
			parse := supply.ParseElements
			if supply.IsLink(text) {
				parse = supply.ParseLink
			}
			back, err := parse(text)
			if name, ok := back.SGTIN(); err != nil || !ok || name != k {
				t.Errorf("%q → %q: %+v, %v", s, text, back, err)
			}
		}
	})
}
