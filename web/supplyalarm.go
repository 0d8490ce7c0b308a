package web

import (
	"net/http"
	"strconv"
	"time"

	"charye/supply/room"
	"charye/walk"
)

// alarmRow is an alarm as pages show it.
type alarmRow struct {
	Seq                     int64
	Name, Text, Next, Class string
	Where                   string
	At, Begin               time.Time
	Boxes, Doses            int // usable ones in doubt now; of one that needs nobody, when it was noticed
	Needs                   bool
	Over                    time.Time // when the doubt was gone; zero: it is not
}

func (q *request) alarmRow(v *room.View, a *room.Alarm) alarmRow {
	r := alarmRow{
		Seq: a.Seq, Name: q.words(causeNames[a.Cause]), Text: q.words(causeTexts[a.Cause]), Next: q.words(causeNext[a.Cause]), Class: causeClass(a.Cause),
		Where: q.placeName(v, string(a.Point), a.Site), At: a.At, Begin: a.Begin, Boxes: a.Alarm.Boxes, Doses: a.Doses, Needs: a.Needs(), Over: a.Cleared,
	}
	if a.Needs() {
		r.Boxes, r.Doses = len(a.Act), 0
		for _, k := range a.Act {
			b, _ := v.Trace.Box(k)
			r.Doses += b.Left()
		}
	} else {
		r.Class = "gone"
	}
	return r
}

type supplyAlarmsData struct {
	supplyState
	Open   int
	Alarms []alarmRow
	Pages  pages
}

func (h *handler) supplyAlarms(q *request) error {
	v, _, err := q.supply()
	if err != nil {
		return err
	}
	d := supplyAlarmsData{supplyState: q.supplyState(v), Open: v.Open}
	from := q.from()
	for i := range part(v.Alarms, from, supplyPage) {
		d.Alarms = append(d.Alarms, q.alarmRow(v, &v.Alarms[from+i]))
	}
	d.Pages = q.pages(from, len(d.Alarms), len(v.Alarms))
	return q.show(http.StatusOK, "supplyalarms", view{Title: q.words("supply.alarms.title"), Wide: true, D: d})
}

type supplyAlarmData struct {
	supplyState
	alarmRow
	Table []boxRow
	Pages pages
	Scope string
	Asks  bool
}

func (h *handler) supplyAlarm(q *request) error {
	v, a, err := q.supply()
	if err != nil {
		return err
	}
	seq, err := strconv.ParseInt(q.PathValue("seq"), 10, 64)
	x, ok := v.Alarm(seq)
	if err != nil || !ok {
		return &walk.Error{Code: walk.NotFound, Detail: "there is no such alarm"}
	}
	d := supplyAlarmData{
		supplyState: q.supplyState(v), alarmRow: q.alarmRow(v, &x), Scope: withQuery("/supply/readings", "alarm", strconv.FormatInt(seq, 10)),
		Asks: walk.May(a, walk.AskVerdict),
	}
	from := q.from()
	for _, k := range part(x.Boxes, from, supplyPage) {
		d.Table = append(d.Table, q.boxRow(v, k))
	}
	d.Pages = q.pages(from, len(d.Table), len(x.Boxes))
	return q.show(http.StatusOK, "supplyalarm", view{Title: d.Name, Wide: true, D: d})
}
