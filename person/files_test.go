package person_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"

	"charye/internal/civil"
	"charye/person"
)

const goodProviders = `
providers:
  - id: gov
    name: {ko: 정부 간편인증, en: Government sign-in}
    issuer: https://id.example.go.kr
    clientID: charye
    clientSecretFile: gov.secret
    scopes: [openid, profile, ci]
    subjectClaim: ci
    namespace: ci
    birthClaim: birth
    nameClaim: full_name
  - id: demo
    name: {ko: 체험, en: Trial}
    issuer: http://localhost:8080/demo-idp
    clientID: charye
`

func TestReadProviders(t *testing.T) {
	t.Parallel()
	got, err := person.ReadProviders("/etc/charye/providers.yaml", []byte(goodProviders))
	if err != nil {
		t.Fatal(err)
	}
	want := []person.Provider{
		{
			ID: "gov", NameKO: "정부 간편인증", NameEN: "Government sign-in", Issuer: "https://id.example.go.kr", ClientID: "charye",
			ClientSecretFile: "/etc/charye/gov.secret", Scopes: []string{"openid", "profile", "ci"},
			SubjectClaim: "ci", Namespace: "ci", BirthClaim: "birth", NameClaim: "full_name",
		},
		{
			ID: "demo", NameKO: "체험", NameEN: "Trial", Issuer: "http://localhost:8080/demo-idp", ClientID: "charye",
			Scopes:       []string{"openid", "profile"},
			SubjectClaim: "sub", Namespace: "http://localhost:8080/demo-idp", BirthClaim: "birthdate", NameClaim: "name",
		},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if got[0].DisplayName("ko") != "정부 간편인증" || got[0].DisplayName("en") != "Government sign-in" {
		t.Error("DisplayName")
	}
}

func TestWrongProvidersFiles(t *testing.T) {
	t.Parallel()
	swap := func(from, to string) string {
		out := strings.Replace(goodProviders, from, to, 1)
		if out == goodProviders {
			t.Fatalf("%q is not in the good file", from)
		}
		return out
	}
	for name, c := range map[string]struct{ src, want string }{
		"empty":              {"", "p.yaml: is empty; want a list under providers:"},
		"not YAML":           {"providers: [", "p.yaml: line 1: did not find expected node content"},
		"a text":             {"hello", "p.yaml:1: want fields"},
		"none":               {"providers: []", "p.yaml:1: providers: want at least one"},
		"not a list":         {"providers: {}", "p.yaml:1: providers: want a list"},
		"unknown at the top": {swap("providers:", "provider:"), "p.yaml:2: provider: unknown field"},
		"unknown":            {swap("birthClaim", "birthclaim"), "p.yaml:11: providers[0].birthclaim: unknown field"},
		"unknown language":   {swap("en: Gov", "fr: Gov"), "p.yaml:4: providers[0].name.fr: unknown field"},
		"twice":              {swap("namespace: ci", "issuer: https://b.example"), "p.yaml:10: providers[0].issuer: given twice"},
		"missing":            {swap("    clientID: charye\n", ""), "p.yaml:3: providers[0].clientID: missing"},
		"missing language":   {swap(", en: Trial", ""), "p.yaml:14: providers[1].name: want both ko and en"},
		"not text":           {swap("clientID: charye", "clientID: [a]"), "p.yaml:6: providers[0].clientID: want a text"},
		"null":               {swap("clientID: charye", "clientID:"), "p.yaml:6: providers[0].clientID: want a text"},
		"id form":            {swap("id: gov", "id: Gov!"), "p.yaml:3: providers[0].id: want"},
		"id again":           {swap("id: demo", "id: gov"), "p.yaml:13: providers[1].id: another provider"},
		"http issuer":        {swap("https://id", "http://id"), "p.yaml:5: providers[0].issuer: want an https"},
		"query in issuer":    {swap("go.kr", "go.kr?x=1"), "p.yaml:5: providers[0].issuer: want an https"},
		"no openid":          {swap("[openid, ", "["), "p.yaml:8: providers[0].scopes: want openid"},
		"two in one scope":   {swap("[openid, profile, ci]", "[openid profile]"), "p.yaml:8: providers[0].scopes: want one"},
		"ci of nothing":      {swap("    namespace: ci\n", ""), "p.yaml:9: providers[0].namespace: missing"},
		"alias":              {"a: &x 1\nproviders: *x", "p.yaml:1: a: unknown field"},
		"alias used":         {"providers:\n- &p {id: a}\n- *p", "p.yaml:2: providers[0].name: missing"},
		"two documents":      {goodProviders + "---\nproviders: []", "p.yaml: want one document only"},
	} {
		_, err := person.ReadProviders("p.yaml", []byte(c.src))
		if _, ok := errors.AsType[*person.FileError](err); !ok || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s:\n got %v\nwant %s", name, err, c.want)
		}
	}
}

func FuzzReadProviders(f *testing.F) {
	f.Add([]byte(goodProviders))
	f.Add([]byte("providers:\n- *a"))
	f.Add([]byte("? [a]\n: b"))
	f.Add([]byte("providers: [{<<: {id: a}}]"))
	f.Fuzz(func(t *testing.T, src []byte) {
		list, err := person.ReadProviders("p.yaml", src)
		if err != nil {
			if _, ok := errors.AsType[*person.FileError](err); !ok || list != nil {
				t.Errorf("%T %v with %d providers", err, err, len(list))
			}
			return
		}
		for _, p := range list {
			if p.ID == "" || p.Issuer == "" || p.ClientID == "" || p.Namespace == "" || p.SubjectClaim == "" || p.BirthClaim == "" || len(p.Scopes) == 0 {
				t.Errorf("accepted %+v", p)
			}
		}
	})
}

func readAll(r io.Reader, k *person.Keyer, opts ...person.RosterOption) (out []person.Identity, err error) {
	for id, e := range person.ReadRoster("roster.csv", r, k, opts...) {
		if e != nil {
			return out, e
		}
		out = append(out, id)
	}
	return out, nil
}

func TestReadRoster(t *testing.T) {
	t.Parallel()
	k := person.NewKeyer(testKeys(t))
	plain := "subject,identity,born\ns1,620315-1234567,1962-03-15\n\"s,2\",,1931-01-02\n"
	want := func(ns string) []person.Identity {
		return []person.Identity{
			{Key: k.Key(ns, "s1"), Index: k.IdentityIndex("6203151234567"), Born: civil.New(1962, time.March, 15)},
			{Key: k.Key(ns, "s,2"), Born: civil.New(1931, time.January, 2)},
		}
	}
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	if _, err := io.WriteString(z, plain); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	for name, src := range map[string]string{
		"plain": plain, "gzip": zipped.String(), "byte order mark": "\ufeff" + plain, "CRLF": strings.ReplaceAll(plain, "\n", "\r\n"),
		"no last line end": strings.TrimSpace(plain), "empty lines": strings.ReplaceAll(plain, "\n", "\n\n"),
	} {
		got, err := readAll(strings.NewReader(src), k)
		if d := cmp.Diff(want("ci"), got); err != nil || d != "" {
			t.Errorf("%s: %v\n%s", name, err, d)
		}
		got, err = readAll(iotest.OneByteReader(strings.NewReader(src)), k, person.InNamespace("https://id.example"))
		if d := cmp.Diff(want("https://id.example"), got); err != nil || d != "" {
			t.Errorf("%s, byte by byte: %v\n%s", name, err, d)
		}
	}
	for _, err := range person.ReadRoster("roster.csv", strings.NewReader(plain), k) {
		if err != nil {
			t.Error(err)
		}
		break // a reader may stop early
	}
}

func TestWrongRosters(t *testing.T) {
	t.Parallel()
	k := person.NewKeyer(testKeys(t))
	head := "subject,identity,born\nok,,1962-03-15\n"
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	if _, err := io.WriteString(z, head); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ src, want string }{
		"empty":           {"", "roster.csv: is empty"},
		"only a header":   {"subject,identity,born\n", "roster.csv: has no people"},
		"other header":    {"subject,born,identity\n", "roster.csv:1: want the header"},
		"no header":       {"s1,1234,1962-03-15\n", "roster.csv:1: want the header"},
		"short header":    {"subject\n", "roster.csv:1: want the header"},
		"no subject":      {head + ",x123,1962-03-15\n", "roster.csv:3: subject: is empty"},
		"long subject":    {head + strings.Repeat("x", 513) + ",,1962-03-15\n", "roster.csv:3: subject: is longer than 512"},
		"not UTF-8":       {head + "a\xff,,1962-03-15\n", "roster.csv:3: subject: is not UTF-8"},
		"empty number":    {head + "secret,--,1962-03-15\n", "roster.csv:3: identity: has neither"},
		"long number":     {head + "s," + strings.Repeat("7", 65) + ",1962-03-15\n", "roster.csv:3: identity: is longer"},
		"bad date":        {head + "\nsecret,1234,1962-02-30\n", "roster.csv:4: born: want a date"},
		"no date":         {head + "s,1234,\n", "roster.csv:3: born: want a date"},
		"two fields":      {head + "secret,1962-03-15\n", "roster.csv:3: want three fields"},
		"four fields":     {head + "secret,1,1962-03-15,x\n", "roster.csv:3: want three fields"},
		"stray quote":     {head + "sec\"ret,1,1962-03-15\n", "roster.csv:3: column"},
		"open quote":      {head + "\"secret,1,1962-03-15\n", "roster.csv:3: column"},
		"endless line":    {head + strings.Repeat("x", 1<<20), "roster.csv:3: is longer than 4096"},
		"cut gzip":        {zipped.String()[:zipped.Len()-4], "roster.csv: unexpected EOF"},
		"not really gzip": {"\x1f\x8bxxxx", "roster.csv: is not a whole gzip"},
	} {
		_, err := readAll(strings.NewReader(c.src), k)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s:\n got %v\nwant %s", name, err, c.want)
		}
		if err != nil && (strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "1234") || strings.Contains(err.Error(), "1962")) {
			t.Errorf("%s: the error quotes the roster: %v", name, err)
		}
	}
}

// FuzzReadRoster: reading ends, gives only whole people, and a file is either wrong or says the same when written plainly.
func FuzzReadRoster(f *testing.F) {
	k := person.NewKeyer(testKeys(f))
	f.Add([]byte("subject,identity,born\ns1,620315-1,1962-03-15\n"))
	f.Add([]byte("subject,identity,born\n\"a\nb\",,1962-03-15\n"))
	f.Add([]byte("\x1f\x8b\x08"))
	f.Fuzz(func(t *testing.T, src []byte) {
		got, err := readAll(bytes.NewReader(src), k)
		for _, id := range got {
			if id.Key.IsZero() {
				t.Error("a person without key")
			}
		}
		if err == nil && len(got) == 0 {
			t.Error("a roster without people is accepted")
		}
		slow, slowErr := readAll(iotest.OneByteReader(bytes.NewReader(src)), k)
		if fmt.Sprint(err) != fmt.Sprint(slowErr) || (err == nil) && !cmp.Equal(got, slow) {
			t.Errorf("read at once: %d, %v; byte by byte: %d, %v", len(got), err, len(slow), slowErr)
		}
	})
}
