package web

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"charye/internal/civil"
	"charye/supply/delivery"
	"charye/supply/journal"
	"charye/supply/room"
	"charye/walk"
)

// Where departures are settled, and what was settled is.
const (
	departurePath = "/supply/deliveries/departure"
	settledPath   = "/supply/deliveries/settled"
)

func settlementPath(id int64) string { return settledPath + "/" + strconv.FormatInt(id, 10) }

// packedNames are what a line of a packing list says, beside those of barNames.
var packedNames = map[string]string{
	delivery.PackedWaiting: "supply.settled.waiting", delivery.PackedWithdrawn: "supply.settled.withdrawn", string(journal.Left): "supply.settled.left",
	string(journal.Unusable): "supply.settled.unusable", string(journal.Missed): "supply.settled.missed",
}

func packedName(state string) string {
	if name, ok := packedNames[state]; ok {
		return name
	}
	return barNames[delivery.Bar(state)]
}

// settledRow is a settlement in a list.
type settledRow struct {
	ID                   int64
	URL, From, Product   string
	Leaves, At           time.Time
	By                   string
	Boxes, Waiting, Stop int // Stop: that must not go
	Withdrawn            bool
}

func (q *request) settledRow(v *room.View, s *journal.Settlement) settledRow {
	r := settledRow{
		ID: s.ID, URL: settlementPath(s.ID), From: q.fromName(v, &s.Departure), Product: q.productName(s.Product), Leaves: s.Leaves, At: s.At, By: s.By, Boxes: len(s.Loads), Withdrawn: s.Withdrawn != nil,
	}
	for i := range s.Loads {
		f, ok := v.Fates[s.Loads[i].Box]
		switch {
		case !ok || f.Settlement != s.ID || f.Why == journal.Left:
		case f.Bar != "" || f.Why != "":
			r.Stop++
		default:
			r.Waiting++
		}
	}
	return r
}

// fromName is who sends a departure.
func (q *request) fromName(v *room.View, d *journal.Departure) string {
	if d.Depot != "" {
		return q.depotName(d.Depot)
	}
	if at, ok := v.Sites.ByID(d.Giver); ok {
		return at.Name
	}
	return d.Giver
}

type loadRow struct {
	Box, URL, Lot, Site, SiteURL, Address, GLN, State string // State is a catalogue key
	Bad                                               bool
	Expires, Arrives                                  civil.Date
	Vials                                             int
}

type departureData struct {
	supplyState
	From, Product    string
	Leaves, CutOff   time.Time
	Digest           string
	Boxes            []loadRow
	Pages            pages
	All, Vials       int
	May, Past        bool
	Error, Detail    string
	TakenBy, TakenID string // of the first box that somebody has meanwhile
}

func (h *handler) departure(q *request) error { return h.showDeparture(q, http.StatusOK, "", "") }

func (h *handler) showDeparture(q *request, status int, wrong, detail string) error {
	v, a, err := q.supply()
	if err != nil {
		return err
	}
	x, err := h.svc.PlannedDeparture(q.Context(), a, q.field("d"))
	if e, ok := errors.AsType[*walk.Error](err); ok && e.Field == "again" {
		return h.showDeliveries(q, http.StatusConflict, q.words("supply.settle.again"))
	}
	if err != nil {
		return err
	}
	d := departureData{
		supplyState: q.supplyState(v), From: q.fromName(v, &x.Departure), Product: q.productName(x.Product), Leaves: x.Leaves, CutOff: x.CutOff, Digest: x.Digest, All: len(x.Loads),
		May: walk.May(a, walk.SettleDelivery), Past: !h.svc.Now().Before(x.CutOff), Error: wrong, Detail: detail,
	}
	for i := range x.Loads {
		d.Vials += x.Loads[i].Vials
		if s, ok := v.Book.Promised(x.Loads[i].Box); ok && d.TakenID == "" {
			d.TakenID, d.TakenBy = strconv.FormatInt(s.ID, 10), s.By
		}
	}
	from := q.from()
	for _, l := range part(x.Loads, from, supplyPage) {
		d.Boxes = append(d.Boxes, q.loadRow(v, delivery.Packed{Load: l, State: delivery.PackedWaiting}))
	}
	d.Pages = q.pages(from, len(d.Boxes), len(x.Loads))
	return q.show(status, "supplydeparture", view{Title: q.words("supply.settle.title"), Wide: true, Error: wrong != "", D: d})
}

func (q *request) loadRow(v *room.View, p delivery.Packed) loadRow {
	at, _ := v.Sites.ByID(p.Load.Site)
	r := loadRow{
		Box: p.Box.String(), URL: boxPath(p.Box), Lot: p.Lot, Site: at.Name, SiteURL: sitePath(at), Address: at.Address, Expires: p.Expires, Arrives: p.Arrives, Vials: p.Vials, State: packedName(p.State),
	}
	r.Bad = p.State != delivery.PackedWaiting && p.State != string(journal.Left) && p.State != delivery.PackedWithdrawn
	if p.GLN != 0 {
		r.GLN = p.GLN.String()
	}
	return r
}

// settleDeparture settles what the page showed.
func (h *handler) settleDeparture(q *request) error {
	digest := q.field("d")
	q.back, q.again = withQuery(departurePath, "d", digest), []string{"d"}
	a, err := q.actor()
	if err != nil {
		return err
	}
	e, err := h.svc.SettleDeparture(q.Context(), a, digest)
	if refused, ok := errors.AsType[*walk.Error](err); ok {
		switch refused.Field {
		case "again":
			return h.showDeliveries(q, http.StatusConflict, q.words("supply.settle.again"))
		case "taken", "changed":
			return h.showDeparture(q, http.StatusConflict, q.words("supply.settle."+refused.Field), refused.Detail)
		case "cutoff":
			return h.showDeparture(q, http.StatusGone, q.words("supply.settle.cutoff"), "")
		}
	}
	if err != nil {
		return err
	}
	return q.redirect(settlementPath(e.Seq))
}

type settlementsData struct {
	supplyState
	List  []settledRow
	Pages pages
}

// settlements lists what is settled, also what has left or was withdrawn not long ago.
func (h *handler) settlements(q *request) error {
	v, _, err := q.supply()
	if err != nil {
		return err
	}
	d := settlementsData{supplyState: q.supplyState(v)}
	list, from := v.Book.Settlements(), q.from()
	for _, s := range part(list, from, supplyPage) {
		d.List = append(d.List, q.settledRow(v, s))
	}
	d.Pages = q.pages(from, len(d.List), len(list))
	return q.show(http.StatusOK, "supplysettlements", view{Title: q.words("supply.settled.title"), Wide: true, D: d})
}

type settlementData struct {
	supplyState
	settledRow
	CutOff        time.Time
	Plan          string
	Boxes         []loadRow
	Vials, Stops  int
	Open          int
	May           bool
	Error, Reason string
	Back          *journal.Withdrawal
}

// found gives the settlement of the address, with the room as it stands and who is asking.
func (q *request) found() (*room.View, *journal.Settlement, walk.Actor, error) {
	a, err := q.actor()
	if err != nil {
		return nil, nil, a, err
	}
	id, err := strconv.ParseInt(q.PathValue("id"), 10, 64)
	if err != nil {
		return nil, nil, a, &walk.Error{Code: walk.NotFound, Detail: "there is no such settlement"}
	}
	v, s, err := q.h.svc.Settlement(q.Context(), a, id)
	return v, s, a, err
}

// packed is the packing list of a settlement.
func packed(v *room.View, s *journal.Settlement) []delivery.Packed {
	return delivery.PackingList(s, v.Fates, v.Sites, v.GLN)
}

func (h *handler) settlement(q *request) error { return h.showSettlement(q, http.StatusOK, "") }

func (h *handler) showSettlement(q *request, status int, wrong string) error {
	v, s, a, err := q.found()
	if err != nil {
		return err
	}
	d := settlementData{
		supplyState: q.supplyState(v), settledRow: q.settledRow(v, s), CutOff: s.CutOff, Plan: s.Plan, Open: s.Open(), May: walk.May(a, walk.SettleDelivery), Error: wrong, Reason: q.field("reason"), Back: s.Withdrawn,
	}
	for _, x := range packed(v, s) {
		r := q.loadRow(v, x)
		d.Vials += x.Vials
		if r.Bad {
			d.Stops++
		}
		d.Boxes = append(d.Boxes, r)
	}
	return q.show(status, "supplysettlement", view{Title: q.words("supply.settled.one", "n", strconv.FormatInt(s.ID, 10)), Wide: true, Error: wrong != "", D: d})
}

// packingFile gives the packing list as a table for other programs, such as the printer of labels.
func (h *handler) packingFile(q *request) error {
	v, s, _, err := q.found()
	if err != nil {
		return err
	}
	q.file("text/csv; charset=utf-8", "boxes-"+q.PathValue("id")+".csv")
	return delivery.WritePackingList(q.w, s, packed(v, s), q.h.svc.Programme().Zone)
}

// shippingFile gives the EPCIS document with which it leaves.
func (h *handler) shippingFile(q *request) error {
	_, s, a, err := q.found()
	if err != nil {
		return err
	}
	if s.Open() == 0 {
		return &walk.Error{Code: walk.NotFound, Detail: "nothing of it is promised any more"}
	}
	b, err := h.svc.SettlementShipping(q.Context(), a, s)
	if err != nil {
		return err
	}
	q.file("application/json", "shipping-"+q.PathValue("id")+".json")
	_, err = q.w.Write(b)
	return err
}

func (q *request) file(kind, name string) {
	hd := q.w.Header()
	hd.Set("Content-Type", kind)
	hd.Set("Content-Disposition", `attachment; filename="`+name+`"`)
}

func (h *handler) withdrawSettlement(q *request) error {
	_, s, a, err := q.found()
	if err != nil {
		return err
	}
	q.back = settlementPath(s.ID)
	if q.field("reason") == "" {
		return h.showSettlement(q, http.StatusUnprocessableEntity, q.words("supply.settled.wrong.reason"))
	}
	_, err = h.svc.WithdrawSettlement(q.Context(), a, s.ID, q.field("reason"))
	if e, ok := errors.AsType[*walk.Error](err); ok {
		switch e.Field {
		case "over":
			return h.showSettlement(q, http.StatusConflict, q.words("supply.settled.wrong.over"))
		case "reason":
			return h.showSettlement(q, http.StatusUnprocessableEntity, q.words("supply.settled.wrong.reason"))
		}
	}
	if err != nil {
		return err
	}
	return q.redirect(q.back)
}
