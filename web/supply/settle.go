package supply

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
	"charye/web/page"
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

func (h *Pages) settledRow(q *page.Request, v *room.View, s *journal.Settlement) settledRow {
	r := settledRow{
		ID: s.ID, URL: settlementPath(s.ID), From: h.fromName(q, v, &s.Departure), Product: h.productName(q, s.Product), Leaves: s.Leaves, At: s.At, By: s.By, Boxes: len(s.Loads), Withdrawn: s.Withdrawn != nil,
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
func (h *Pages) fromName(q *page.Request, v *room.View, d *journal.Departure) string {
	if d.Depot != "" {
		return h.depotName(q, d.Depot)
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

func (h *Pages) departure(q *page.Request) error { return h.showDeparture(q, http.StatusOK, "", "") }

func (h *Pages) showDeparture(q *page.Request, status int, wrong, detail string) error {
	v, a, err := h.supply(q)
	if err != nil {
		return err
	}
	x, err := h.svc.PlannedDeparture(q.Context(), a, q.Field("d"))
	if e, ok := errors.AsType[*walk.Error](err); ok && e.Field == "again" {
		return h.showDeliveries(q, http.StatusConflict, q.Words("supply.settle.again"))
	}
	if err != nil {
		return err
	}
	d := departureData{
		supplyState: h.supplyState(q, v), From: h.fromName(q, v, &x.Departure), Product: h.productName(q, x.Product), Leaves: x.Leaves, CutOff: x.CutOff, Digest: x.Digest, All: len(x.Loads),
		May: walk.May(a, walk.SettleDelivery), Past: !h.svc.Now().Before(x.CutOff), Error: wrong, Detail: detail,
	}
	for i := range x.Loads {
		d.Vials += x.Loads[i].Vials
		if s, ok := v.Book.Promised(x.Loads[i].Box); ok && d.TakenID == "" {
			d.TakenID, d.TakenBy = strconv.FormatInt(s.ID, 10), s.By
		}
	}
	from := h.from(q)
	for _, l := range part(x.Loads, from, supplyPage) {
		d.Boxes = append(d.Boxes, h.loadRow(q, v, delivery.Packed{Load: l, State: delivery.PackedWaiting}))
	}
	d.Pages = h.pages(q, from, len(d.Boxes), len(x.Loads))
	return q.Show(status, "supplydeparture", page.View{Title: q.Words("supply.settle.title"), Wide: true, Error: wrong != "", D: d})
}

func (h *Pages) loadRow(q *page.Request, v *room.View, p delivery.Packed) loadRow {
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
func (h *Pages) settleDeparture(q *page.Request) error {
	digest := q.Field("d")
	q.Back, q.Again = page.WithQuery(departurePath, "d", digest), []string{"d"}
	a, err := q.Actor()
	if err != nil {
		return err
	}
	e, err := h.svc.SettleDeparture(q.Context(), a, digest)
	if refused, ok := errors.AsType[*walk.Error](err); ok {
		switch refused.Field {
		case "again":
			return h.showDeliveries(q, http.StatusConflict, q.Words("supply.settle.again"))
		case "taken", "changed":
			return h.showDeparture(q, http.StatusConflict, q.Words("supply.settle."+refused.Field), refused.Detail)
		case "cutoff":
			return h.showDeparture(q, http.StatusGone, q.Words("supply.settle.cutoff"), "")
		}
	}
	if err != nil {
		return err
	}
	return q.Redirect(settlementPath(e.Seq))
}

type settlementsData struct {
	supplyState
	List  []settledRow
	Pages pages
}

// settlements lists what is settled, also what has left or was withdrawn not long ago.
func (h *Pages) settlements(q *page.Request) error {
	v, _, err := h.supply(q)
	if err != nil {
		return err
	}
	d := settlementsData{supplyState: h.supplyState(q, v)}
	list, from := v.Book.Settlements(), h.from(q)
	for _, s := range part(list, from, supplyPage) {
		d.List = append(d.List, h.settledRow(q, v, s))
	}
	d.Pages = h.pages(q, from, len(d.List), len(list))
	return q.Show(http.StatusOK, "supplysettlements", page.View{Title: q.Words("supply.settled.title"), Wide: true, D: d})
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
func (h *Pages) found(q *page.Request) (*room.View, *journal.Settlement, walk.Actor, error) {
	a, err := q.Actor()
	if err != nil {
		return nil, nil, a, err
	}
	id, err := strconv.ParseInt(q.PathValue("id"), 10, 64)
	if err != nil {
		return nil, nil, a, &walk.Error{Code: walk.NotFound, Detail: "there is no such settlement"}
	}
	v, s, err := h.svc.Settlement(q.Context(), a, id)
	return v, s, a, err
}

// packed is the packing list of a settlement.
func packed(v *room.View, s *journal.Settlement) []delivery.Packed {
	return delivery.PackingList(s, v.Fates, v.Sites, v.GLN)
}

func (h *Pages) settlement(q *page.Request) error { return h.showSettlement(q, http.StatusOK, "") }

func (h *Pages) showSettlement(q *page.Request, status int, wrong string) error {
	v, s, a, err := h.found(q)
	if err != nil {
		return err
	}
	d := settlementData{
		supplyState: h.supplyState(q, v), settledRow: h.settledRow(q, v, s), CutOff: s.CutOff, Plan: s.Plan, Open: s.Open(), May: walk.May(a, walk.SettleDelivery), Error: wrong, Reason: q.Field("reason"), Back: s.Withdrawn,
	}
	for _, x := range packed(v, s) {
		r := h.loadRow(q, v, x)
		d.Vials += x.Vials
		if r.Bad {
			d.Stops++
		}
		d.Boxes = append(d.Boxes, r)
	}
	return q.Show(status, "supplysettlement", page.View{Title: q.Words("supply.settled.one", "n", strconv.FormatInt(s.ID, 10)), Wide: true, Error: wrong != "", D: d})
}

// packingFile gives the packing list as a table for other programs, such as the printer of labels.
func (h *Pages) packingFile(q *page.Request) error {
	v, s, _, err := h.found(q)
	if err != nil {
		return err
	}
	file(q, "text/csv; charset=utf-8", "boxes-"+q.PathValue("id")+".csv")
	return delivery.WritePackingList(q.W, s, packed(v, s), h.svc.Programme().Zone)
}

// shippingFile gives the EPCIS document with which it leaves.
func (h *Pages) shippingFile(q *page.Request) error {
	_, s, a, err := h.found(q)
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
	file(q, "application/json", "shipping-"+q.PathValue("id")+".json")
	_, err = q.W.Write(b)
	return err
}

func file(q *page.Request, kind, name string) {
	hd := q.W.Header()
	hd.Set("Content-Type", kind)
	hd.Set("Content-Disposition", `attachment; filename="`+name+`"`)
}

func (h *Pages) withdrawSettlement(q *page.Request) error {
	_, s, a, err := h.found(q)
	if err != nil {
		return err
	}
	q.Back = settlementPath(s.ID)
	if q.Field("reason") == "" {
		return h.showSettlement(q, http.StatusUnprocessableEntity, q.Words("supply.settled.wrong.reason"))
	}
	_, err = h.svc.WithdrawSettlement(q.Context(), a, s.ID, q.Field("reason"))
	if e, ok := errors.AsType[*walk.Error](err); ok {
		switch e.Field {
		case "over":
			return h.showSettlement(q, http.StatusConflict, q.Words("supply.settled.wrong.over"))
		case "reason":
			return h.showSettlement(q, http.StatusUnprocessableEntity, q.Words("supply.settled.wrong.reason"))
		}
	}
	if err != nil {
		return err
	}
	return q.Redirect(q.Back)
}
