package site

// Metres is how far two sites are apart along the surface, as in [Index.Nearest]; ok is false when one of them has no position.
func Metres(a, b Site) (metresApart int, ok bool) {
	if !a.Placed() || !b.Placed() {
		return 0, false
	}
	p, q := onSphere(a.Lat, a.Lon), onSphere(b.Lat, b.Lon)
	sum := 0.0
	for i := range p {
		sum += (p[i] - q[i]) * (p[i] - q[i])
	}
	return int(metres(sum) + 0.5), true
}
