package programme

import (
	"hash/fnv"
	"maps"
	"slices"
	"strconv"
	"time"
	_ "time/tzdata" // a programme's zone must be found on machines that have no zone files
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"charye/supply"
)

// MaxBytes is the largest programme file that is read.
const MaxBytes = 1 << 20

// Options carry what a file with relative times needs besides itself. The zero value reads files without them.
type Options struct {
	// FirstStart is what relative times count from when they are not in Resolved: the present, at the first start on a data
	// directory. It is rounded up to a whole second.
	FirstStart time.Time
	// Resolved is what [Programme.Resolved] gave at an earlier start on the same data directory. Its values are used as they
	// are, even where the file's relative time has been edited since.
	Resolved map[string]string
}

// Parse reads a programme file. name is used in messages only. Every problem of the file is reported, not just the first:
// an error is always of type [Errors]. src is not kept.
func Parse(name string, src []byte, opt Options) (*Programme, error) {
	r := &reader{file: name}
	root := r.document(src)
	if root == nil {
		return nil, r.err()
	}
	p := &parser{counted: make(map[uint16]string), times: times{
		reader: r,
		zone:   time.UTC,
		now:    opt.FirstStart.Add(time.Second - 1).Truncate(time.Second),
		kept:   make(map[string]string),
	}}
	if opt.FirstStart.IsZero() {
		p.now = time.Time{}
	}
	maps.Copy(p.kept, opt.Resolved)
	prog := p.programme(root)
	if err := r.err(); err != nil {
		return nil, err
	}
	prog.resolved = p.kept
	prog.plans = newPlans(prog)
	return prog, nil
}

// Resolved gives the absolute values of the file's relative times, by names that stay the same while the file is edited.
// Keep them durably before anything happens by them, and hand them to [Parse] at every later start. Values that were
// handed to Parse are among them even if the file no longer asks for them.
func (p *Programme) Resolved() map[string]string { return maps.Clone(p.resolved) }

// document gives the one YAML document of a file, or nil after reporting why there is none.
func (r *reader) document(src []byte) *yaml.Node {
	switch {
	case len(src) > MaxBytes:
		r.bad(nil, "", "is %d bytes long; want at most %d", len(src), MaxBytes)
		return nil
	case !utf8.Valid(src):
		r.bad(nil, "", "is not UTF-8; want the file saved as UTF-8")
		return nil
	}
	docs := make([]yaml.Node, 0, 2)
	if err := decode(src, &docs); err != nil {
		line, msg := whereInYAML(src, err)
		r.bad(&yaml.Node{Line: line}, "", "is not YAML: %s; want the form that the manual shows", msg)
		return nil
	}
	switch {
	case len(docs) == 0 || len(docs[0].Content) == 0 || describe(docs[0].Content[0]) == "empty":
		r.bad(nil, "", "is empty; want a programme")
		return nil
	case len(docs) > 1:
		r.bad(&docs[1], "", "a second document begins here; want one programme per file")
		return nil
	}
	return docs[0].Content[0]
}

// maxDoses is the largest number of doses a series may have.
const maxDoses = 10

type parser struct {
	times
	named  []named // campaigns
	others []named // products

	counted map[uint16]string      // products whose vials are counted, by number
	gtins   map[supply.GTIN]string // products by the GTINs of their vials
}

func (p *parser) programme(root *yaml.Node) *Programme {
	out := &Programme{}
	o, ok := p.object(root, "", "programme", "name", "timezone", "trial", "products", "campaigns", "timetables", "messages", "shipping", "fourEyes", "retention")
	if !ok {
		return out
	}
	if n, ok := o.need("programme", idWanted); ok {
		out.ID, _ = p.id(n, "programme")
	}
	if n, ok := o.need("name", "{ko: …, en: …}"); ok {
		out.Name, _ = p.names(n, "name")
	}
	const zoneWanted = "a zone name such as Asia/Seoul"
	if n, ok := o.need("timezone", zoneWanted); ok {
		if s, ok := p.text(n, "timezone", zoneWanted); ok {
			zone, err := time.LoadLocation(s)
			if err != nil || s == "Local" {
				p.bad(n, "timezone", "%q is unknown; want %s", shown(s), zoneWanted)
			} else {
				p.zone = zone
			}
		}
	}
	out.Zone = p.zone
	if n, ok := o.opt("trial"); ok {
		out.Trial, ok = p.boolean(n, "trial")
		p.trial = out.Trial || !ok // one problem at a time: what is meant is not known
	}
	known := make(map[string]bool)
	if n, ok := o.need("products", "a list of products"); ok {
		out.Products = p.products(n, known)
	}
	if n, ok := o.need("campaigns", "a list of campaigns"); ok {
		out.Campaigns = p.campaigns(n, known)
	}
	if n, ok := o.opt("shipping"); ok {
		out.Shipping = p.shipping(n, "shipping")
	}
	for _, v := range p.named {
		if _, ok := out.Campaign(v.id); !ok {
			p.bad(v.at, v.path, "%q is not among the campaigns; want the id of one", v.id)
		}
	}
	for _, v := range p.others {
		if _, ok := out.Product(v.id); !ok {
			p.bad(v.at, v.path, "%q is not among the products; want the id of one", v.id)
		}
	}
	if n, ok := o.need("timetables", "a list of timetables, at least one for all sites"); ok {
		out.Timetables = p.timetables(n)
	}
	out.FourEyes.On = !out.Trial
	if n, ok := o.opt("fourEyes"); ok {
		out.FourEyes = p.fourEyes(n)
	}
	out.Messages = DefaultMessages
	if n, ok := o.opt("messages"); ok {
		out.Messages = p.messages(n)
	}
	if n, ok := o.opt("retention"); ok {
		out.Retention = p.retention(n)
	}
	return out
}

// unique reports an id that an earlier entry has.
func (p *parser) unique(n *yaml.Node, path, id string, seen map[string]bool) {
	if seen[id] {
		p.bad(n, path, "%q is used twice; want an id of its own", id)
	}
	seen[id] = true
}

func (p *parser) products(n *yaml.Node, known map[string]bool) []Product {
	entries, ok := p.list(n, "products", 1, 100)
	if !ok {
		return nil
	}
	out := make([]Product, len(entries))
	for i, e := range entries {
		out[i] = p.product(e, index("products", i), known)
	}
	return out
}

func (p *parser) product(n *yaml.Node, path string, known map[string]bool) (out Product) {
	o, ok := p.object(n, path, "id", "name", "cvx", "dosesPerVial", "vials", "ages", "series", "notWith", "apart", "most", "gtins", "storage")
	if !ok {
		return out
	}
	if n, ok := o.need("id", idWanted); ok {
		if out.ID, ok = p.id(n, o.at("id")); ok {
			p.unique(n, o.at("id"), out.ID, known)
		}
	}
	if n, ok := o.need("name", "{ko: …, en: …}"); ok {
		out.Name, _ = p.names(n, o.at("name"))
	}
	const cvxWanted = `the CVX code in quotes, such as "207"`
	if n, ok := o.need("cvx", cvxWanted); ok {
		if out.CVX, ok = p.text(n, o.at("cvx"), cvxWanted); ok && !isCVX(out.CVX) {
			p.bad(n, o.at("cvx"), "%q is no CVX code; want 2 or 3 digits in quotes, such as \"207\"", shown(out.CVX))
		}
	}
	if n, ok := o.need("dosesPerVial", "a whole number from 1 to 100"); ok {
		out.DosesPerVial, _ = p.count(n, o.at("dosesPerVial"), 1, 100)
	}
	if n, ok := o.opt("vials"); ok {
		out.Num, out.Vials = vialNumber(out.ID), p.vials(n, o.at("vials"), &out)
		if other, taken := p.counted[out.Num]; taken {
			p.bad(n, o.at("vials"), "%q has the same number, %d, as %q, whose vials are counted too; want another id", out.ID, out.Num, other)
		}
		p.counted[out.Num] = out.ID
	}
	out.Storage = p.storage(o, out.ID)
	if n, ok := o.opt("apart"); ok {
		out.Apart = p.apart(n, o.at("apart"), out.ID)
	}
	if n, ok := o.opt("ages"); ok {
		out.Ages = p.ages(n, o.at("ages"))
	}
	if n, ok := o.need("series", "{doses: 1} or {doses: 2, intervals: [...]}"); ok {
		out.Series = p.series(n, o.at("series"))
	}
	if n, ok := o.opt("notWith"); ok {
		entries, _ := p.list(n, o.at("notWith"), 1, 20)
		for i, e := range entries {
			at := index(o.at("notWith"), i)
			if id, ok := p.id(e, at); ok {
				out.NotWith = append(out.NotWith, id)
				p.others = append(p.others, named{e, at, id})
				if id == out.ID {
					p.bad(e, at, "is the product itself; want most, for the doses that one person may have of it")
				}
			}
		}
	}
	if n, ok := o.opt("most"); ok {
		if out.Most, ok = p.count(n, o.at("most"), 1, 100); ok && out.Series.Doses > out.Most {
			p.bad(n, o.at("most"), "is below the %d doses of its series; want at least those", out.Series.Doses)
		}
	}
	return out
}

// ages reads how old people must be, by date.
func (p *parser) ages(n *yaml.Node, path string) []AgeRule {
	entries, _ := p.list(n, path, 1, 100)
	var out []AgeRule
	for i, e := range entries {
		o, ok := p.object(e, index(path, i), "from", "min", "max")
		if !ok {
			continue
		}
		var v AgeRule
		if n, ok := o.need("from", dateWanted); ok {
			if v.From, ok = p.date(n, o.at("from")); ok && len(out) > 0 && v.From <= out[len(out)-1].From {
				p.bad(n, o.at("from"), "%s is not after the entry before it, %s; want the entries in order of date", v.From, out[len(out)-1].From)
			}
		}
		least, hasLeast := o.need("min", "an age in years, 0 for any")
		if hasLeast {
			v.Min, _ = p.count(least, o.at("min"), 0, 150)
		}
		if n, ok := o.opt("max"); ok {
			if v.Max, ok = p.count(n, o.at("max"), 1, 150); ok && v.Max < v.Min {
				p.bad(n, o.at("max"), "%d is below min, %d; want the greater age here", v.Max, v.Min)
			}
		}
		out = append(out, v)
	}
	return out
}

func (p *parser) series(n *yaml.Node, path string) (out Series) {
	o, ok := p.object(n, path, "doses", "intervals", "mixed", "again")
	if !ok {
		return out
	}
	known := false
	if n, has := o.need("doses", "a whole number from 1 to 10"); has {
		out.Doses, known = p.count(n, o.at("doses"), 1, maxDoses)
	}
	intervals, has := o.opt("intervals")
	switch {
	case known && out.Doses > 1 && !has:
		p.bad(n, o.at("intervals"), "missing; a series of %d doses needs [{from: 2021-01-01, default: 28d, min: 21d, max: 42d}]", out.Doses)
	case known && out.Doses == 1 && has:
		p.bad(intervals, o.at("intervals"), "a single dose has no interval; leave intervals out, or set doses to 2 or more")
	case has:
		out.Intervals = p.intervals(intervals, o.at("intervals"))
	}
	if n, ok := o.opt("mixed"); ok {
		out.Mixed = p.mixed(n, o.at("mixed"), out.Doses)
	}
	if n, ok := o.opt("again"); ok {
		out.Again = p.again(n, o.at("again"))
	}
	return out
}

// again reads when a spoilt dose may be given again.
func (p *parser) again(n *yaml.Node, path string) (out []Again) {
	entries, _ := p.list(n, path, 1, 100)
	for i, e := range entries {
		o, ok := p.object(e, index(path, i), "from", "after")
		if !ok {
			continue
		}
		var v Again
		if n, ok := o.need("from", dateWanted); ok {
			if v.From, ok = p.date(n, o.at("from")); ok && len(out) > 0 && v.From <= out[len(out)-1].From {
				p.bad(n, o.at("from"), "%s is not after the entry before it, %s; want the entries in order of date", v.From, out[len(out)-1].From)
			}
		}
		if n, ok := o.need("after", "days or weeks such as 28d or 4w"); ok {
			v.After, _ = p.length(n, o.at("after"))
		}
		out = append(out, v)
	}
	return out
}

// mixed reads which doses of a series are of another product.
func (p *parser) mixed(n *yaml.Node, path string, doses int) (out []Mixed) {
	entries, _ := p.list(n, path, 1, 100)
	for i, e := range entries {
		o, ok := p.object(e, index(path, i), "dose", "product", "from", "born")
		if !ok {
			continue
		}
		var v Mixed
		if n, ok := o.need("dose", "which dose of the series, from 2 on"); ok {
			if v.Dose, ok = p.count(n, o.at("dose"), 2, maxDoses); ok && v.Dose > doses {
				p.bad(n, o.at("dose"), "the series has %d doses; want one of them", doses)
			}
		}
		if n, ok := o.need("product", "the id of a product"); ok {
			if v.Product, ok = p.id(n, o.at("product")); ok {
				p.others = append(p.others, named{n, o.at("product"), v.Product})
			}
		}
		if n, ok := o.need("from", dateWanted); ok {
			if v.From, ok = p.date(n, o.at("from")); ok && len(out) > 0 && v.From < out[len(out)-1].From {
				p.bad(n, o.at("from"), "%s is before the entry above it; want the entries in order of date", v.From)
			}
		}
		if n, ok := o.opt("born"); ok {
			v.Born = p.born(n, o.at("born"))
		}
		out = append(out, v)
	}
	return out
}

func (p *parser) intervals(n *yaml.Node, path string) []Interval {
	entries, ok := p.list(n, path, 1, 100)
	if !ok {
		return nil
	}
	out := make([]Interval, len(entries))
	for i, e := range entries {
		o, ok := p.object(e, index(path, i), "from", "campaigns", "default", "min", "max")
		if !ok {
			continue
		}
		v := &out[i]
		if n, ok := o.opt("campaigns"); ok {
			v.Campaigns = p.cohorts(n, o.at("campaigns"))
		}
		if n, ok := o.need("from", dateWanted); ok {
			if v.From, ok = p.date(n, o.at("from")); ok && i > 0 {
				p.later(n, o.at("from"), out[:i], v)
			}
		}
		good := true
		for _, f := range []struct {
			key string
			to  *int
		}{{"default", &v.Default}, {"min", &v.Min}, {"max", &v.Max}} {
			n, has := o.need(f.key, "days or weeks such as 28d or 4w")
			if has {
				*f.to, has = p.length(n, o.at(f.key))
			}
			good = good && has
		}
		if good && (v.Min > v.Default || v.Default > v.Max) {
			p.bad(e, o.path, "min %dd, default %dd, max %dd; want min ≤ default ≤ max", v.Min, v.Default, v.Max)
		}
	}
	return out
}

// later checks that an interval stands behind those before it: of the same date only where they are for other campaigns.
func (p *parser) later(n *yaml.Node, path string, before []Interval, v *Interval) {
	last := before[len(before)-1].From
	switch {
	case v.From < last:
		p.bad(n, path, "%s is not after the entry before it, %s; want the entries in order of date", v.From, last)
	case v.From == last:
		for _, o := range before {
			if o.From == v.From && (len(o.Campaigns) == 0 && len(v.Campaigns) == 0 ||
				slices.ContainsFunc(v.Campaigns, func(id string) bool { return slices.Contains(o.Campaigns, id) })) {
				p.bad(n, path, "%s is not after the entry before it, %s; want the entries in order of date", v.From, last)
				return
			}
		}
	}
}

// cohorts reads the campaigns that an interval is for; that there are such is checked once all are read.
func (p *parser) cohorts(n *yaml.Node, path string) (ids []string) {
	entries, _ := p.list(n, path, 1, 1000)
	for i, e := range entries {
		if id, ok := p.id(e, index(path, i)); ok {
			ids = append(ids, id)
			p.named = append(p.named, named{e, index(path, i), id})
		}
	}
	return ids
}

// named is a campaign or a product that was named before all of them were read.
type named struct {
	at       *yaml.Node
	path, id string
}

// number is the 32-bit FNV-1a hash of a campaign's id. 0 stands for "no campaign" and is never given.
func number(id string) uint32 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(id))
	return max(h.Sum32(), 1)
}

func index(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }

func isCVX(s string) bool {
	v, err := strconv.Atoi(s)
	return err == nil && v > 0 && isDigit(s[0]) && (len(s) == 2 || len(s) == 3)
}
