package web

import (
	"testing"

	"charye/web/catalogue"
)

func mustLanguages(t testing.TB) map[string]*catalogue.Language {
	t.Helper()
	all, err := catalogue.Load(seoul)
	if err != nil {
		t.Fatal(err)
	}
	return all
}
