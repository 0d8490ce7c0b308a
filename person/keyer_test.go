package person_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"charye/internal/seal"
	"charye/person"
)

func testKeys(t testing.TB) *seal.Keys {
	t.Helper()
	k, err := seal.Ephemeral()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestKeysDependOnNamespaceSubjectAndInstallation(t *testing.T) {
	t.Parallel()
	keys := testKeys(t)
	k, again, other := person.NewKeyer(keys), person.NewKeyer(keys), person.NewKeyer(testKeys(t))
	a := k.Key("ci", "subject")
	if a != again.Key("ci", "subject") {
		t.Error("the same person has two keys")
	}
	for name, b := range map[string]person.Key{
		"other subject":      k.Key("ci", "subject2"),
		"other namespace":    k.Key("https://id.example", "subject"),
		"moved border":       k.Key("cisub", "ject"),
		"case":               k.Key("ci", "Subject"),
		"other installation": other.Key("ci", "subject"),
		"identity number":    k.IdentityIndex("subject"),
	} {
		if a == b {
			t.Errorf("%s: the same key", name)
		}
	}
	if !k.Key("ci", "").IsZero() {
		t.Error("an empty subject is somebody")
	}
}

func TestIdentityIndexKnowsOneNumberInManyForms(t *testing.T) {
	t.Parallel()
	k := person.NewKeyer(testKeys(t))
	want := k.IdentityIndex("6203151234567A")
	for _, s := range []string{
		"620315-1234567a", "620315 1234567A", " 620315–1234567-A\n", "６２０３１５－１２３４５６７ａ", "620315\u200b1234567a", "620315\u22121234567a", "\t6203151234567A",
	} {
		if k.IdentityIndex(s) != want {
			t.Errorf("%q has another index", s)
		}
	}
	for _, s := range []string{"6203151234567", "6203151234567B", "0620315123456A", "6203151234567A0"} {
		if k.IdentityIndex(s) == want {
			t.Errorf("%q has the same index", s)
		}
	}
	for _, s := range []string{"", " - ", "\u200b"} {
		if k.IdentityIndex(s) != ([16]byte{}) {
			t.Errorf("%q: an empty number has an index", s)
		}
	}
}

func TestKeysAreNotLogged(t *testing.T) {
	t.Parallel()
	k := person.Key{0xab, 0xcd}
	var buf bytes.Buffer
	slog.New(slog.NewJSONHandler(&buf, nil)).Info("x", "person", k)
	if strings.Contains(buf.String(), "abcd") || !strings.Contains(buf.String(), "[person]") {
		t.Errorf("log line %s", buf.String())
	}
}

func TestTrialPeople(t *testing.T) {
	t.Parallel()
	if got, want := person.Trial(0), (person.TrialPerson{Subject: "trial-0000000000", Identity: "T000000-0000000", Name: "김가온"}); got != want {
		t.Errorf("Trial(0) = %v, want %v", got, want)
	}
	if got, want := person.Trial(52_345_678), (person.TrialPerson{Subject: "trial-0052345678", Identity: "T000005-2345678", Name: "류미별"}); got != want {
		t.Errorf("Trial(52345678) = %v, want %v: every earlier load test's people would be strangers", got, want)
	}
	subjects, numbers, names := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for n := range 30000 {
		p := person.Trial(n)
		subjects[p.Subject], numbers[p.Identity], names[p.Name] = true, true, true
	}
	if len(subjects) != 30000 || len(numbers) != 30000 || len(names) != 18000 {
		t.Errorf("%d subjects, %d numbers, %d names of 30000 people", len(subjects), len(numbers), len(names))
	}
}
