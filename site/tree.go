package site

import (
	"cmp"
	"math"
	"slices"
)

// leafSize is how many sites a leaf of the tree holds at most.
const leafSize = 8

// tree is a k-d tree of placed sites: each node splits its points in two halves along the longest side of their box.
type tree struct {
	nodes  []node // the first is the root
	points []placed
}

type placed struct {
	at   point
	num  Num
	site int32 // position in the index
}

// node is a box around points[from:to]; right is 0 in a leaf, and the left child follows its parent.
type node struct {
	low, high point
	from, to  int32
	right     int32
}

func plant(sites []Site) tree {
	var t tree
	for i := range sites {
		if s := &sites[i]; s.Placed() {
			t.points = append(t.points, placed{onSphere(s.Lat, s.Lon), s.Num, int32(i)})
		}
	}
	if len(t.points) > 0 {
		t.grow(0, int32(len(t.points)))
	}
	return t
}

func (t *tree) grow(from, to int32) {
	points := t.points[from:to]
	n := node{low: points[0].at, high: points[0].at, from: from, to: to}
	for _, p := range points {
		for d := range 3 {
			n.low[d], n.high[d] = min(n.low[d], p.at[d]), max(n.high[d], p.at[d])
		}
	}
	me := len(t.nodes)
	t.nodes = append(t.nodes, n)
	if len(points) <= leafSize {
		return
	}
	long := 0
	for d := range 3 {
		if n.high[d]-n.low[d] > n.high[long]-n.low[long] {
			long = d
		}
	}
	slices.SortFunc(points, func(a, b placed) int { return cmp.Or(cmp.Compare(a.at[long], b.at[long]), cmp.Compare(a.num, b.num)) })
	middle := from + int32(len(points)/2)
	t.grow(from, middle)
	t.nodes[me].right = int32(len(t.nodes))
	t.grow(middle, to)
}

// query collects the first sites after a place in the order of nearness.
type query struct {
	from  point
	after reached
	room  int
	found []found // in order, at most room
}

type found struct {
	reached
	site int32
}

// search visits nearer boxes first and leaves out those that lie wholly before the cursor or beyond what is found. The
// metre of tolerance covers rounding.
func (t *tree) search(q *query) {
	if len(t.nodes) > 0 {
		t.visit(0, q)
	}
}

func (t *tree) visit(i int32, q *query) {
	n := &t.nodes[i]
	nearest, farthest := n.distances(q.from)
	if len(q.found) == q.room && metres(nearest)-1 > float64(q.found[q.room-1].metres) {
		return
	}
	if q.after.metres > 0 && metres(farthest)+1 < float64(q.after.metres) {
		return
	}
	if n.right == 0 {
		for _, p := range t.points[n.from:n.to] {
			q.offer(p)
		}
		return
	}
	first, second := i+1, n.right
	a, _ := t.nodes[first].distances(q.from)
	b, _ := t.nodes[second].distances(q.from)
	if b < a {
		first, second = second, first
	}
	t.visit(first, q)
	t.visit(second, q)
}

// distances are the squared straight distances from p to the nearest and to the farthest point of the box.
func (n *node) distances(p point) (nearest, farthest float64) {
	for d := range 3 {
		below, above := n.low[d]-p[d], p[d]-n.high[d]
		if out := max(below, above); out > 0 {
			nearest += out * out
		}
		far := max(math.Abs(below), math.Abs(above))
		farthest += far * far
	}
	return nearest, farthest
}

func (q *query) offer(p placed) {
	var chord2 float64
	for d := range 3 {
		chord2 += (p.at[d] - q.from[d]) * (p.at[d] - q.from[d])
	}
	r := reached{metres: int32(metres(chord2) + 0.5), num: p.num}
	if r.compare(q.after) <= 0 || len(q.found) == q.room && r.compare(q.found[q.room-1].reached) >= 0 {
		return
	}
	at, _ := slices.BinarySearchFunc(q.found, r, func(f found, r reached) int { return f.compare(r) })
	q.found = slices.Insert(q.found, at, found{r, p.site})
	q.found = q.found[:min(len(q.found), q.room)]
}
