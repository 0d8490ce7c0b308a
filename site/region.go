package site

import "strings"

// RegionInfo is one of the 17 first-level regions of Korea (시도), by its official name of 2021.
type RegionInfo struct {
	Name     string // as in [Site.Region]
	EN       string
	Short    string  // everyday name, such as 서울
	Lat, Lon float64 // roughly its middle, or where most of its people live
}

var regions = [...]RegionInfo{
	{"서울특별시", "Seoul", "서울", 37.566, 126.978},
	{"부산광역시", "Busan", "부산", 35.180, 129.075},
	{"대구광역시", "Daegu", "대구", 35.871, 128.601},
	{"인천광역시", "Incheon", "인천", 37.456, 126.705},
	{"광주광역시", "Gwangju", "광주", 35.160, 126.851},
	{"대전광역시", "Daejeon", "대전", 36.350, 127.385},
	{"울산광역시", "Ulsan", "울산", 35.539, 129.311},
	{"세종특별자치시", "Sejong", "세종", 36.480, 127.289},
	{"경기도", "Gyeonggi", "경기", 37.410, 127.260},
	{"강원도", "Gangwon", "강원", 37.750, 128.210},
	{"충청북도", "North Chungcheong", "충북", 36.800, 127.700},
	{"충청남도", "South Chungcheong", "충남", 36.550, 126.850},
	{"전라북도", "North Jeolla", "전북", 35.720, 127.110},
	{"전라남도", "South Jeolla", "전남", 34.870, 126.990},
	{"경상북도", "North Gyeongsang", "경북", 36.330, 128.700},
	{"경상남도", "South Gyeongsang", "경남", 35.330, 128.260},
	{"제주특별자치도", "Jeju", "제주", 33.380, 126.550},
}

// regionNames leads from every way a region is written to its place in regions.
var regionNames = func() map[string]int {
	m := map[string]int{"강원특별자치도": 9, "전북특별자치도": 12, "제주도": 16}
	for i, r := range regions {
		m[r.Name], m[r.Short] = i, i
		if strings.HasSuffix(r.Name, "시") {
			m[r.Short+"시"] = i
		}
	}
	return m
}()

// Regions lists the 17 regions in their usual order.
func Regions() []RegionInfo { return append([]RegionInfo(nil), regions[:]...) }

// RegionName gives the official name of a region written in any usual way: 서울, 서울시 and 서울특별시 are the same, and names
// given after 2021 lead to those of 2021.
func RegionName(s string) (string, bool) {
	i, ok := regionNames[strings.TrimSpace(s)]
	if !ok {
		return "", false
	}
	return regions[i].Name, true
}

// regionRank orders regions as [Regions] does; unknown ones come last.
func regionRank(name string) int {
	if i, ok := regionNames[name]; ok {
		return i
	}
	return len(regions)
}

// district gives the 시군구 of what a source wrote: the first word when it is one, so "천안시 동남구" becomes 천안시. In Sejong,
// which has none, sources put other things there.
func district(s, region string) string {
	first, _, _ := strings.Cut(clean(s), " ")
	if region == "세종특별자치시" {
		return ""
	}
	for _, end := range []string{"시", "군", "구"} {
		if strings.HasSuffix(first, end) {
			return first
		}
	}
	return ""
}

// inKorea is a generous box around the country with its islands.
func inKorea(lat, lon float64) bool { return lat >= 33 && lat <= 38.7 && lon >= 124.5 && lon <= 132 }
