package supply

import (
	"net/http"
	"strconv"
	"time"

	"charye/supply/room"
	"charye/walk"
	"charye/web/page"
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

func (h *Pages) alarmRow(q *page.Request, v *room.View, a *room.Alarm) alarmRow {
	r := alarmRow{
		Seq: a.Seq, Name: q.Words(causeNames[a.Cause]), Text: q.Words(causeTexts[a.Cause]), Next: q.Words(causeNext[a.Cause]), Class: causeClass(a.Cause),
		Where: h.placeName(q, v, string(a.Point), a.Site), At: a.At, Begin: a.Begin, Boxes: a.Alarm.Boxes, Doses: a.Doses, Needs: a.Needs(), Over: a.Cleared,
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

func (h *Pages) supplyAlarms(q *page.Request) error {
	v, _, err := h.supply(q)
	if err != nil {
		return err
	}
	d := supplyAlarmsData{supplyState: h.supplyState(q, v), Open: v.Open}
	from := h.from(q)
	for i := range part(v.Alarms, from, supplyPage) {
		d.Alarms = append(d.Alarms, h.alarmRow(q, v, &v.Alarms[from+i]))
	}
	d.Pages = h.pages(q, from, len(d.Alarms), len(v.Alarms))
	return q.Show(http.StatusOK, "supplyalarms", page.View{Title: q.Words("supply.alarms.title"), Wide: true, D: d})
}

type supplyAlarmData struct {
	supplyState
	alarmRow
	Table []boxRow
	Pages pages
	Scope string
	Asks  bool
}

func (h *Pages) supplyAlarm(q *page.Request) error {
	v, a, err := h.supply(q)
	if err != nil {
		return err
	}
	seq, err := strconv.ParseInt(q.PathValue("seq"), 10, 64)
	x, ok := v.Alarm(seq)
	if err != nil || !ok {
		return &walk.Error{Code: walk.NotFound, Detail: "there is no such alarm"}
	}
	d := supplyAlarmData{
		supplyState: h.supplyState(q, v), alarmRow: h.alarmRow(q, v, &x), Scope: page.WithQuery("/supply/readings", "alarm", strconv.FormatInt(seq, 10)),
		Asks: walk.May(a, walk.AskVerdict),
	}
	from := h.from(q)
	for _, k := range part(x.Boxes, from, supplyPage) {
		d.Table = append(d.Table, h.boxRow(q, v, k))
	}
	d.Pages = h.pages(q, from, len(d.Table), len(x.Boxes))
	return q.Show(http.StatusOK, "supplyalarm", page.View{Title: d.Name, Wide: true, D: d})
}
