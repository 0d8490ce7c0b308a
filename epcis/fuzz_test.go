package epcis

import (
	"bytes"
	"testing"
	"time"

	"charye/supply/epcis"
)

func FuzzPageToken(f *testing.F) {
	now := time.Unix(1_800_000_000, 0)
	mark := markOf(map[string][]string{"EQ_action": {"ADD"}}, nil)
	f.Add(makeToken(epcis.Cursor{Bound: 9, At: -5, Seq: 3, Shown: 7}, mark, now.Add(time.Hour)))
	f.Add(makeToken(epcis.Cursor{Bound: 9, Seq: 3}, mark, now))
	f.Add("Aw")
	f.Fuzz(func(t *testing.T, s string) {
		c, err := readToken(s, mark, now)
		if err != nil {
			return
		}
		if c.Seq < 1 || c.Bound < 0 || c.Shown < 0 {
			t.Fatalf("a place that is none: %+v", c)
		}
		// One form for each token: what is read is what makeToken writes, for some instant to come.
		if again, err := readToken(makeToken(*c, mark, now.Add(time.Hour)), mark, now); err != nil || *again != *c {
			t.Fatalf("%+v came back as %+v, %v", c, again, err)
		}
		if _, err := readToken(s, [8]byte{1}, now); err == nil {
			t.Fatal("taken for another query")
		}
	})
}

func FuzzReadTokens(f *testing.F) {
	_, line := NewToken(Party{Name: "a", Rights: MayCapture | MayQuery})
	f.Add([]byte(line))
	f.Add([]byte("# x\n\n" + line + "\n" + line))
	f.Fuzz(func(t *testing.T, src []byte) {
		tokens, err := ReadTokens("f", bytes.NewReader(src))
		if err != nil {
			return
		}
		for _, c := range tokens.list {
			if CheckParty(c.party.Name) != nil || c.party.Rights == 0 {
				t.Fatalf("%+v", c.party)
			}
		}
		if _, ok := tokens.find(""); ok {
			t.Fatal("nothing is a token")
		}
	})
}
