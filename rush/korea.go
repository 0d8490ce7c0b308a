package rush

import "math"

// province is one of the 17 provinces: how many people aged 55-59 lived there in July 2021 (Ministry of the Interior,
// resident registration) and where: the mean and spread of their districts' centres, degrees.
type province struct {
	name                 string
	people               int
	lat, lon             float64
	latSpread, lonSpread float64
}

var provinces = [...]province{
	{"서울특별시", 709961, 37.55, 126.99, 0.06, 0.09},
	{"부산광역시", 274191, 35.17, 129.06, 0.06, 0.07},
	{"대구광역시", 201379, 35.86, 128.59, 0.06, 0.06},
	{"인천광역시", 248150, 37.49, 126.66, 0.08, 0.10},
	{"광주광역시", 108109, 35.15, 126.86, 0.03, 0.07},
	{"대전광역시", 110438, 36.33, 127.39, 0.05, 0.05},
	{"울산광역시", 100003, 35.55, 129.32, 0.03, 0.08},
	{"세종특별자치시", 20236, 36.56, 127.26, 0.04, 0.04},
	{"경기도", 1051644, 37.45, 127.00, 0.22, 0.20},
	{"강원도", 130818, 37.65, 128.27, 0.33, 0.49},
	{"충청북도", 130406, 36.74, 127.65, 0.23, 0.26},
	{"충청남도", 161998, 36.65, 126.92, 0.26, 0.29},
	{"전라북도", 144178, 35.82, 127.03, 0.17, 0.22},
	{"전라남도", 155685, 34.89, 127.03, 0.22, 0.50},
	{"경상북도", 226596, 36.18, 128.79, 0.33, 0.46},
	{"경상남도", 275876, 35.23, 128.55, 0.19, 0.33},
	{"제주특별자치도", 53594, 33.41, 126.54, 0.05, 0.15},
}

var provinceTotal = func() (n uint64) {
	for _, p := range provinces {
		n += uint64(p.people)
	}
	return n
}()

// home gives where a person lives: a province by its share of people, a point around its centre, rounded to a hundredth
// of a degree (about a kilometre), as the pages round it before asking for sites near home.
func home(seed uint64, n uint32) (p *province, lat, lon float64) {
	r := traits(seed, n, 'h')
	at := r.below(provinceTotal)
	for i := range provinces {
		p = &provinces[i]
		if at < uint64(p.people) {
			break
		}
		at -= uint64(p.people)
	}
	lat = math.Round((p.lat+clamp(r.normal(), 2)*p.latSpread)*100) / 100
	lon = math.Round((p.lon+clamp(r.normal(), 2)*p.lonSpread)*100) / 100
	return p, lat, lon
}

func clamp(v, most float64) float64 { return math.Max(-most, math.Min(most, v)) }
