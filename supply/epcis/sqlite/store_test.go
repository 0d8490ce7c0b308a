package sqlite

import (
	"context"
	"strings"
	"testing"
	"time"

	"charye/supply/epcis"
	"charye/supply/epcis/epcistest"
)

func open(t testing.TB, dir string) epcis.Store {
	t.Helper()
	s, err := Open(context.Background(), dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestConformance(t *testing.T) {
	t.Parallel()
	epcistest.Run(t, open)
}

func TestEventsStay(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir()).(*Store)
	events, err := epcis.Parse([]byte(`{"@context":[],"type":"ObjectEvent","eventTime":"2026-09-21T00:00:00Z","eventTimeZoneOffset":"+09:00","action":"ADD","epcList":[]}`), 1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Capture(context.Background(), []epcis.Job{{At: time.Unix(0, 0), Events: events}}); err != nil {
		t.Fatal(err)
	}
	for _, sql := range []string{`DELETE FROM event`, `UPDATE event SET body = ''`} {
		if _, err := s.db.W.Exec(sql); err == nil || !strings.Contains(err.Error(), "only ever added") {
			t.Errorf("%s: %v", sql, err)
		}
	}
}
