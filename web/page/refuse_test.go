package page

import (
	"testing"
	"time"

	"charye/web/catalogue"
)

// TestEveryCodeIsTold: package walk's codes and the words for them are the same list, in every language.
func TestEveryCodeIsTold(t *testing.T) {
	t.Parallel()
	all, err := catalogue.Load(time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	for code, r := range refusals {
		for id, l := range all {
			for _, key := range []string{r.title, r.text, r.next} {
				if _, err := l.Text(key); key != "" && err != nil {
					t.Errorf("%s in %s: %v", code, id, err)
				}
			}
		}
		if got := StatusOf(code); got < 400 || got >= 600 {
			t.Errorf("%s: status %d", code, got)
		}
	}
}
