package catalogue

import (
	"strconv"
	"time"

	"charye/internal/civil"
)

// Number writes a whole number with a comma at each thousand, as both languages do.
func Number(n int) string {
	s := strconv.Itoa(n)
	sign := ""
	if n < 0 {
		sign, s = "-", s[1:]
	}
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return sign + s
}

var weekdayKeys = [7]string{
	"date.sunday", "date.monday", "date.tuesday", "date.wednesday", "date.thursday", "date.friday", "date.saturday",
}

var monthKeys = [13]string{
	1: "date.january", 2: "date.february", 3: "date.march", 4: "date.april", 5: "date.may", 6: "date.june", 7: "date.july",
	8: "date.august", 9: "date.september", 10: "date.october", 11: "date.november", 12: "date.december",
}

// Day writes a date with its weekday and year.
func (l *Language) Day(d civil.Date) (string, error) { return l.date("date.full", d) }

// ShortDay writes a date with its weekday and without its year, for lists.
func (l *Language) ShortDay(d civil.Date) (string, error) { return l.date("date.short", d) }

// PlainDay writes a date without its weekday, for birthdays.
func (l *Language) PlainDay(d civil.Date) (string, error) { return l.date("date.plain", d) }

func (l *Language) date(key string, d civil.Date) (string, error) {
	t := d.At(0, time.UTC)
	weekday, err := l.Text(weekdayKeys[d.Weekday()])
	if err != nil {
		return "", err
	}
	month, err := l.Text(monthKeys[t.Month()])
	if err != nil {
		return "", err
	}
	s, err := l.Text(key, "year", strconv.Itoa(t.Year()), "month", month, "day", strconv.Itoa(t.Day()), "weekday", weekday)
	return s, err
}

// Clock writes the time of day of an instant in the programme's zone.
func (l *Language) Clock(t time.Time) (string, error) {
	t = t.In(l.Zone)
	key := "time.am"
	if t.Hour() >= 12 {
		key = "time.pm"
	}
	return l.Text(key, "hour", strconv.Itoa((t.Hour()+11)%12+1), "minute", twoDigits(t.Minute()))
}

// Hour writes the time of day without saying which half of the day.
func (l *Language) Hour(t time.Time) string {
	t = t.In(l.Zone)
	return strconv.Itoa((t.Hour()+11)%12+1) + ":" + twoDigits(t.Minute())
}

// Seconds writes the server's clock to the second, in 24 hours, as on a station clock.
func (l *Language) Seconds(t time.Time) string { return t.In(l.Zone).Format("15:04:05") }

// When writes day and time of day.
func (l *Language) When(t time.Time) (string, error) {
	day, err := l.Day(civil.Of(t, l.Zone))
	if err != nil {
		return "", err
	}
	clock, err := l.Clock(t)
	if err != nil {
		return "", err
	}
	return l.Text("date.when", "day", day, "time", clock)
}

func twoDigits(n int) string {
	if n < 10 {
		return "0" + strconv.Itoa(n)
	}
	return strconv.Itoa(n)
}

// Estimate writes an honest range of waiting. The waiting page's script has the same rule (assets/wait.ts, estimate).
func (l *Language) Estimate(wait [2]time.Duration) (string, error) {
	lo, hi := int(wait[0]/time.Second), int(wait[1]/time.Second)
	switch {
	case lo < 0 || hi < 0, hi > 3600 && hi > 8*max(lo, 60):
		// A range from minutes to many hours tells nobody anything: it stands only until the pace has been measured.
		return l.Text("wait.estimate.unknown")
	case hi < 60:
		return l.Text("wait.estimate.soon")
	case hi <= 120*60:
		lo, hi = lo/60, (hi+59)/60
		if lo == 0 {
			return l.Text("wait.estimate.upto.minutes", "n", hi)
		}
		return l.Text("wait.estimate.minutes", "lo", lo, "hi", max(hi, lo+1))
	}
	lo, hi = lo/3600, (hi+3599)/3600
	if lo == 0 {
		return l.Text("wait.estimate.upto.hours", "n", hi)
	}
	return l.Text("wait.estimate.hours", "lo", lo, "hi", max(hi, lo+1))
}

// Countdown writes how long it is until an instant, in its two largest units.
func (l *Language) Countdown(left time.Duration) (string, error) {
	s := max(int(left/time.Second), 0)
	days, hours, minutes := s/86400, s/3600%24, s/60%60
	switch {
	case days > 0:
		return l.Text("countdown.days", "days", days, "hours", hours)
	case hours > 0:
		return l.Text("countdown.hours", "hours", hours, "minutes", minutes)
	}
	return l.Text("countdown.minutes", "minutes", minutes, "seconds", s%60)
}

// regionNames are the provinces' English names; the sites' source has them in Korean only.
var regionNames = map[string]string{
	"서울특별시": "Seoul", "부산광역시": "Busan", "대구광역시": "Daegu", "인천광역시": "Incheon", "광주광역시": "Gwangju",
	"대전광역시": "Daejeon", "울산광역시": "Ulsan", "세종특별자치시": "Sejong", "경기도": "Gyeonggi",
	"강원도": "Gangwon", "강원특별자치도": "Gangwon", "충청북도": "North Chungcheong", "충청남도": "South Chungcheong",
	"전라북도": "North Jeolla", "전북특별자치도": "North Jeolla", "전라남도": "South Jeolla", "경상북도": "North Gyeongsang",
	"경상남도": "South Gyeongsang", "제주특별자치도": "Jeju",
}

// Region writes a province as the reader can read it.
func (l *Language) Region(name string) string {
	if en := regionNames[name]; en != "" && l.ID != "ko" {
		return en
	}
	return name
}

// Long writes a stretch of time in its two largest units; less than a minute in seconds.
func (l *Language) Long(d time.Duration) (string, error) {
	d = max(0, d)
	switch days, hours, minutes := int(d/(24*time.Hour)), int(d/time.Hour)%24, int(d/time.Minute)%60; {
	case days > 0:
		return l.Text("supply.long.days", "days", days, "hours", hours)
	case hours > 0 && minutes == 0:
		return l.Text("supply.long.onlyhours", "hours", hours)
	case hours > 0:
		return l.Text("supply.long.hours", "hours", hours, "minutes", minutes)
	case minutes > 0 || d == 0:
		return l.Text("supply.long.minutes", "minutes", minutes)
	}
	return l.Text("supply.long.seconds", "seconds", max(1, int(d/time.Second)))
}

// Moment writes an instant shortly, in 24 hours: for tables.
func (l *Language) Moment(t time.Time) string { return t.In(l.Zone).Format("2006-01-02 15:04") }
