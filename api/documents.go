package api

import (
	"strconv"
	"time"

	"charye/line"
	"charye/person"
	"charye/programme"
	"charye/site"
	"charye/walk"
)

func appendCampaigns(b []byte, p *programme.Programme, list []walk.Campaign, now time.Time) []byte {
	b = append(key(append(b, '{'), "programme"), '{')
	b = str(b, "id", p.ID)
	b = text(b, "name", p.Name)
	b = str(b, "timezone", p.Zone.String())
	b = boolean(b, "trial", p.Trial)
	b = append(key(append(b, '}'), "campaigns"), '[')
	for _, c := range list {
		b = appendCampaign(comma(b), p, c)
	}
	b = instantMilli(append(b, ']'), "serverTime", now, p.Zone)
	return append(b, '}')
}

func appendCampaign(b []byte, p *programme.Programme, c walk.Campaign) []byte {
	b = str(append(b, '{'), "id", c.ID)
	b = text(b, "name", c.Name)
	b = str(b, "state", string(c.State))
	b = instant(b, "gathersAt", c.Gathers, p.Zone)
	b = instant(b, "opensAt", c.Opens, p.Zone)
	b = instant(b, "closesAt", c.Closes, p.Zone)
	b = str(b, "order", string(c.Line.Order))
	b = integer(b, "stock", int64(c.OnOffer))
	b = integer(b, "remaining", int64(max(c.Remaining, 0)))
	b = append(key(b, "products"), '[')
	for _, id := range c.Products {
		for i := range p.Products {
			if product := &p.Products[i]; product.ID == id {
				b = str(append(comma(b), '{'), "id", id)
				b = text(b, "name", product.Name)
				b = append(integer(b, "doses", int64(product.Series.Doses)), '}')
			}
		}
	}
	b = append(key(append(b, ']'), "helpers"), '{')
	b = boolean(b, "allowed", c.Helpers.Allowed)
	b = integer(b, "perHelper", int64(c.Helpers.PerHelper))
	b = append(b, '}')
	b = integer(b, "passMinutes", int64(c.Line.PassMinutes))
	b = integer(b, "changeUntilDays", int64(c.Change.UntilDays))
	if c.PauseWhy != (programme.Text{}) {
		b = text(b, "pauseWhy", c.PauseWhy)
	}
	return append(b, '}')
}

func appendLine(b []byte, d walk.LineDoc, zone *time.Location) []byte {
	b = str(append(b, '{'), "state", string(d.State))
	b = integer(b, "joined", int64(d.Joined))
	b = integer(b, "admitted", int64(d.Admitted))
	b = integer(b, "inside", int64(d.Inside))
	b = decimal(b, "perMinute", max(d.PerMinute, 0), 1)
	b = integer(b, "remaining", int64(max(d.Remaining, 0)))
	b = hexed(b, "drawCommitment", d.Commitment[:])
	if d.Drawn {
		b = hexed(b, "drawSeed", d.Seed[:])
	}
	b = instantMilli(b, "serverTime", d.ServerTime, zone)
	return append(b, '}')
}

func appendDraw(b []byte, d line.Draw, zone *time.Location) []byte {
	b = hexed(append(b, '{'), "commitment", d.Commitment[:])
	if d.Drawn { // the seed must not be seen a moment before
		b = hexed(b, "seed", d.Seed[:])
	}
	b = integer(b, "entrants", int64(d.Entrants))
	if d.Drawn {
		b = instant(b, "drawnAt", d.At, zone)
	}
	return append(b, '}')
}

func appendPlace(b []byte, p *walk.Place, zone *time.Location) []byte {
	b = str(append(b, '{'), "ticket", p.Ticket)
	b = str(b, "state", string(p.State))
	b = key(b, "number")
	if p.Number == 0 {
		b = append(b, "null"...)
	} else {
		b = strconv.AppendUint(b, uint64(p.Number), 10)
	}
	b = integer(b, "ahead", int64(max(p.Ahead, 0)))
	b = key(b, "estimatedWaitSeconds")
	if p.Wait[0] < 0 || p.Wait[1] < 0 {
		b = append(b, "null"...)
	} else {
		b = strconv.AppendInt(append(b, '['), int64(p.Wait[0]/time.Second), 10)
		b = strconv.AppendInt(append(b, ','), wholeSeconds(p.Wait[1]), 10)
		b = append(b, ']')
	}
	b = integer(b, "pollAfterSeconds", max(wholeSeconds(p.PollAfter), 0))
	b = hexed(b, "pseudonym", p.Pseudonym[:])
	if !p.KeptUntil.IsZero() {
		b = instant(b, "keptUntil", p.KeptUntil, zone)
	}
	return append(b, '}')
}

func appendSite(b []byte, s *site.Site) []byte {
	b = str(b, "id", s.ID)
	b = str(b, "name", s.Name)
	b = str(b, "kind", s.Kind)
	b = str(b, "address", s.Address)
	b = str(b, "region", s.Region)
	b = str(b, "district", s.District)
	b = str(b, "phone", s.Phone)
	if s.Placed() {
		b = decimal(b, "lat", s.Lat, 6)
		b = decimal(b, "lon", s.Lon, 6)
	}
	return b
}

func appendSitePage(b []byte, page walk.SitePage) []byte {
	b = append(key(append(b, '{'), "sites"), '[')
	for i := range page.Sites {
		s := &page.Sites[i]
		b = appendSite(append(comma(b), '{'), &s.Site)
		if s.Metres >= 0 {
			b = integer(b, "distanceMetres", int64(s.Metres))
		}
		b = append(key(b, "free"), '{')
		for _, d := range s.Free {
			b = append(quote(comma(b), d.Day.String()), ':')
			b = strconv.AppendInt(b, int64(max(d.Free, 0)), 10)
		}
		b = append(b, '}', '}')
	}
	b = optional(append(b, ']'), "next", page.Next)
	return append(b, '}')
}

func appendSlotsDoc(b []byte, slots []walk.Slot, zone *time.Location) []byte {
	return append(appendSlots(key(append(b, '{'), "slots"), slots, zone), '}')
}

func appendSlots(b []byte, slots []walk.Slot, zone *time.Location) []byte {
	b = append(b, '[')
	for _, s := range slots {
		b = str(append(comma(b), '{'), "id", s.ID)
		b = instant(b, "start", s.Start, zone)
		b = instant(b, "end", s.End, zone)
		b = str(b, "product", s.Product)
		b = append(integer(b, "free", int64(max(s.Free, 0))), '}')
	}
	return append(b, ']')
}

func appendBooking(b []byte, k *walk.Booking, zone *time.Location) []byte {
	b = str(append(b, '{'), "id", k.ID)
	b = str(b, "number", k.Number)
	b = append(key(b, "campaign"), '{')
	b = str(b, "id", k.Campaign.ID)
	b = append(text(b, "name", k.Campaign.Name), '}')
	b = optional(b, "recipient", k.Recipient)
	b = optional(b, "forName", k.ForName)
	status := "booked"
	if k.Cancelled {
		status = "cancelled"
	}
	b = str(b, "status", status)
	if k.Displaced {
		b = boolean(b, "displaced", true)
	}
	b = append(key(b, "doses"), '[')
	for i := range k.Doses {
		d := &k.Doses[i]
		b = integer(append(comma(b), '{'), "dose", int64(d.Dose))
		b = str(b, "slot", d.SlotID)
		b = append(key(b, "site"), '{')
		b = append(appendSite(b, &d.Site), '}')
		b = instant(b, "start", d.Start, zone)
		b = instant(b, "end", d.End, zone)
		b = str(b, "product", d.Product.ID)
		b = append(text(b, "productName", d.Product.Name), '}')
	}
	b = instant(append(b, ']'), "madeAt", k.MadeAt, zone)
	b = integer(b, "sequence", int64(k.Sequence))
	b = boolean(b, "changeable", k.Changeable)
	if r := k.Repeat; r != nil {
		b = integer(append(key(b, "repeat"), '{'), "spoilt", int64(r.Spoilt))
		if r.Dose > 0 {
			b = integer(b, "dose", int64(r.Dose))
			if r.From != 0 {
				b = str(b, "from", r.From.String())
			}
			b = boolean(b, "tooSoon", r.TooSoon)
		}
		b = append(b, '}')
	}
	if k.With != nil {
		b = appendBooking(key(b, "with"), k.With, zone)
	}
	return append(b, '}')
}

func appendRecipient(b []byte, r *person.Recipient, zone *time.Location) []byte {
	b = str(append(b, '{'), "id", r.ID)
	b = str(b, "campaign", r.Campaign)
	b = str(b, "name", r.Name)
	b = str(b, "born", r.Born.String())
	b = instant(b, "registeredAt", r.RegisteredAt, zone)
	return append(b, '}')
}
