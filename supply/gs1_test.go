package supply_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"charye/internal/civil"
	"charye/supply"
)

// Keys whose check digits are published in GS1's own examples.
func TestKnownKeys(t *testing.T) {
	t.Parallel()
	for digits, want := range map[string]byte{"629104150021": '3', "10614141000411": 0, "0361234500000000": 0, "37610425002123456": '9', "950600013435": '2'} {
		if want != 0 && supply.CheckDigit(digits) != want {
			t.Errorf("check digit of %s: %c, want %c", digits, supply.CheckDigit(digits), want)
		}
	}
	for _, s := range []string{"6291041500213", "06291041500213"} {
		if k, err := supply.ParseGTIN(s); err != nil || k.String() != "06291041500213" {
			t.Errorf("%s: %v, %v", s, k, err)
		}
	}
	for _, tc := range []struct {
		in   string
		want error
	}{
		{"376104250021234569", nil}, {"376104250021234568", supply.ErrCheckDigit}, {"37610425002123456", supply.ErrKeyForm}, {"37610425002123456x", supply.ErrKeyForm}, {"", supply.ErrKeyForm},
	} {
		if _, err := supply.ParseSSCC(tc.in); !errors.Is(err, tc.want) {
			t.Errorf("%s: %v, want %v", tc.in, err, tc.want)
		}
	}
}

func TestURNs(t *testing.T) {
	t.Parallel()
	sscc, err := supply.ParseSSCC("106141412345678908")
	if err != nil {
		t.Fatal(err)
	}
	if got := sscc.URN(7); got != "urn:epc:id:sscc:0614141.1234567890" {
		t.Error(got)
	}
	gln, err := supply.ParseGLN("0614141123452")
	if err != nil {
		t.Fatal(err)
	}
	if got := gln.URN(7); got != "urn:epc:id:sgln:0614141.12345.0" {
		t.Error(got)
	}
	if k, prefix, ext, err := supply.ParseGLNURN("urn:epc:id:sgln:0614141.12345.fridge%2F1"); err != nil || k != gln || prefix != 7 || ext != "fridge/1" {
		t.Error(k, prefix, ext, err)
	}
	for _, wrong := range []string{
		"", "urn:epc:id:sscc:", "urn:epc:id:sscc:06141.411234567890", "urn:epc:id:sscc:0614141.123456789", "urn:epc:id:sgln:0614141.1234567890", "urn:epc:id:sscc:0614141.12345678x0",
	} {
		if _, _, err := supply.ParseSSCCURN(wrong); !errors.Is(err, supply.ErrURN) {
			t.Errorf("%q: %v", wrong, err)
		}
	}
}

func digits(n int) *rapid.Generator[string] {
	return rapid.StringOfN(rapid.RuneFrom([]rune("0123456789")), n, n, n)
}

// TestKeysRoundTrip: every key reads back from each of its texts, and a wrong digit anywhere is seen.
func TestKeysRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		body := digits(17).Draw(t, "body")
		text := body + string(supply.CheckDigit(body))
		k, err := supply.ParseSSCC(text)
		if err != nil || k.String() != text {
			t.Fatalf("%s: %v, %v", text, k, err)
		}
		prefix := rapid.IntRange(6, 12).Draw(t, "prefix")
		if back, n, err := supply.ParseSSCCURN(k.URN(prefix)); err != nil || back != k || n != prefix {
			t.Fatalf("%s: %v %d %v", k.URN(prefix), back, n, err)
		}
		at := rapid.IntRange(0, 17).Draw(t, "at")
		wrong := []byte(text)
		wrong[at] = '0' + (wrong[at]-'0'+byte(rapid.IntRange(1, 9).Draw(t, "by")))%10
		if _, err := supply.ParseSSCC(string(wrong)); !errors.Is(err, supply.ErrCheckDigit) {
			t.Fatalf("%s for %s: %v", wrong, text, err)
		}
		body = digits(13).Draw(t, "gtin")
		gtin, err := supply.ParseGTIN(body + string(supply.CheckDigit(body)))
		if err != nil {
			t.Fatal(err)
		}
		lot := supply.LotKey{GTIN: gtin, ID: lotID.Draw(t, "lot")}
		if back, n, err := supply.ParseLotURN(lot.LotURN(prefix)); err != nil || back != lot || n != prefix {
			t.Fatalf("%s: %v %d %v", lot.LotURN(prefix), back, n, err)
		}
		body = digits(12).Draw(t, "gln")
		gln, err := supply.ParseGLN(body + string(supply.CheckDigit(body)))
		if err != nil {
			t.Fatal(err)
		}
		if back, n, _, err := supply.ParseGLNURN(gln.URN(prefix)); err != nil || back != gln || n != prefix {
			t.Fatalf("%s: %v %d %v", gln.URN(prefix), back, n, err)
		}
	})
}

var lotID = rapid.StringOfN(rapid.RuneFrom([]rune(`ABCxyz019!"%&'*+,-./:;<=>?_`)), 1, 20, 20)

// TestElementsRoundTrip: both forms read back to the same.
func TestElementsRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		body := digits(13).Draw(t, "gtin")
		gtin, err := supply.ParseGTIN(body + string(supply.CheckDigit(body)))
		if err != nil || gtin == 0 {
			t.Skip("the zero GTIN names nothing")
		}
		e := supply.Elements{
			GTIN: gtin, Lot: lotID.Draw(t, "lot"), Serial: rapid.OneOf(rapid.Just(""), lotID).Draw(t, "serial"),
			Expires: civil.Date(rapid.IntRange(int(civil.New(1977, 1, 1)), int(civil.New(2076, 12, 31))).Draw(t, "expires")), Count: rapid.IntRange(0, 99999999).Draw(t, "count"),
		}
		if e.Expires == 0 {
			e.Expires++
		}
		for _, text := range []string{e.String(), e.Raw(), "]d2" + e.Raw(), "]C1\x1d" + e.Raw()} {
			if back, err := supply.ParseElements(text); err != nil || back != e {
				t.Fatalf("%q: %+v, %v; want %+v", text, back, err, e)
			}
		}
	})
}

func TestElements(t *testing.T) {
	t.Parallel()
	e, err := supply.ParseElements("(01)06291041500213(17)201200(10)ABC(1)2")
	if err != nil || e.Expires != civil.New(2020, 12, 31) || e.Lot != "ABC(1)2" {
		t.Errorf("%+v, %v", e, err)
	}
	if e, err = supply.ParseElements("(00)376104250021234569"); err != nil || e.SSCC == 0 {
		t.Errorf("%+v, %v", e, err)
	}
	for text, tells := range map[string]string{
		"":                                            "empty",
		"(01)06291041500214":                          "check digit",
		"(01)0629104150021":                           "want 14 characters",
		"(10)ABC":                                     "only together with (01)",
		"(01)06291041500213(10)":                      "has 0",
		"(01)06291041500213(17)201301":                "no such month",
		"(01)06291041500213(17)210229":                "no date",
		"(01)06291041500213(01)06291041500213":        "twice",
		"(01)06291041500213(99)x":                     "no AI",
		"0106291041500213" + "10" + "A\x1fB":          "set 82",
		"01062910415002139912":                        "no AI",
		"(01)06291041500213(10)123456789012345678901": "want 20",
		"(02)06291041500213":                          "(37)",
	} {
		if _, err := supply.ParseElements(text); !errors.Is(err, supply.ErrElements) || !strings.Contains(err.Error(), tells) {
			t.Errorf("%q: %v, want %q", text, err, tells)
		}
	}
}

// TestSyntaxDictionary holds our few AIs against GS1's own dictionary: one of the right length is read, one longer is not.
func TestSyntaxDictionary(t *testing.T) {
	t.Parallel()
	dir := os.Getenv("CHARYE_DATA")
	if dir == "" {
		root, err := filepath.Abs("..")
		if err != nil {
			t.Fatal(err)
		}
		dir = filepath.Join(root, "..", "shared", "data")
	}
	b, err := os.ReadFile(filepath.Join(dir, "gs1-syntax-dictionary", "gs1-syntax-dictionary.txt"))
	if errors.Is(err, os.ErrNotExist) {
		t.Skip("the real data is not on this machine (gs1-syntax-dictionary in ../shared/data or $CHARYE_DATA)")
	}
	if err != nil {
		t.Fatal(err)
	}
	with := map[string]string{
		"00": "", "01": "", "02": "(37)1", "10": "(01)06291041500213", "11": "(01)06291041500213", "17": "(01)06291041500213", "21": "(01)06291041500213", "30": "(01)06291041500213", "37": "(00)376104250021234569", "414": "",
	}
	values := map[string]string{
		"N18,csum,gcppos2": "376104250021234569", "N14,csum,gcppos2": "06291041500213", "N13,csum,gcppos1": "0614141123452", "N6,yymmd0": "201200", "X..20": "A1234567890123456789", "N..8": "12345678",
	}
	found := 0
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line)
		if len(f) < 2 {
			continue
		}
		other, ours := with[f[0]]
		if !ours {
			continue
		}
		found++
		spec, fixed := f[1], false
		if strings.Trim(spec, "*?") == "" {
			fixed = strings.Contains(spec, "*")
			spec = f[2]
		}
		value, known := values[spec]
		if !known {
			t.Errorf("(%s): the dictionary says %s", f[0], spec)
			continue
		}
		if _, err := supply.ParseElements("(" + f[0] + ")" + value + other); err != nil {
			t.Errorf("(%s): %v", f[0], err)
		}
		if !fixed {
			if _, err := supply.ParseElements(other + "(" + f[0] + ")" + value + "9"); err == nil {
				t.Errorf("(%s)%s9 was read", f[0], value)
			}
		}
	}
	if found != len(with) {
		t.Errorf("the dictionary has %d of our %d AIs", found, len(with))
	}
}

func FuzzParseElements(f *testing.F) {
	f.Add("(01)06291041500213(17)201200(10)ABC(1)2")
	f.Add("]d2010629104150021310A\x1d21B")
	f.Fuzz(func(t *testing.T, s string) {
		e, err := supply.ParseElements(s)
		if err != nil {
			if !errors.Is(err, supply.ErrElements) {
				t.Error(err)
			}
			return
		}
		for _, text := range []string{e.String(), e.Raw()} {
			if back, err := supply.ParseElements(text); text != "" && (err != nil || back != e) {
				t.Errorf("%q → %q: %+v, %v", s, text, back, err)
			}
		}
	})
}

func FuzzURN(f *testing.F) {
	f.Add("urn:epc:id:sscc:0614141.1234567890")
	f.Add("urn:epc:class:lgtin:0614141.1234567890.A%2E1")
	f.Add("urn:epc:id:sgln:0614141.12345.0")
	f.Fuzz(func(t *testing.T, s string) {
		if k, n, err := supply.ParseSSCCURN(s); err == nil && k.URN(n) != s {
			t.Errorf("%q is %q", s, k.URN(n))
		}
		if l, n, err := supply.ParseLotURN(s); err == nil {
			if back, _, err := supply.ParseLotURN(l.LotURN(n)); err != nil || back != l {
				t.Errorf("%q is %q: %v", s, l.LotURN(n), err)
			}
		}
		_, _, _, _ = supply.ParseGLNURN(s)
	})
}

func FuzzCelsius(f *testing.F) {
	f.Add("+4.5")
	f.Add("-0.000001")
	f.Fuzz(func(t *testing.T, s string) {
		c, err := supply.ParseCelsius(s)
		if err != nil {
			return
		}
		if back, err := supply.ParseCelsius(c.String()); err != nil || back != c {
			t.Errorf("%q is %s: %v", s, c, err)
		}
	})
}
