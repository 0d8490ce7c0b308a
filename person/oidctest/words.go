package oidctest

// words are the sentences of the pages in one language.
type words struct {
	Title, Remark, Lead, For                        string
	Name, Born, BornHint, Identity, IdentityHint    string
	Submit, Cancel, Other                           string
	WrongTitle, NameWrong, BornWrong, IdentityWrong string
	RefusedTitle, Refused, OutTitle, Out            string
	StaffTitle, Roles, RolesWrong, Unit, UnitHint   string
	Factor                                          string
}

func wordsOf(lang string) words {
	if lang == "en" {
		return words{
			Title:        "Trial sign-in",
			Remark:       "This is a made-up identity provider for trials. It believes whatever you type. Please do not enter a real person's details.",
			Lead:         "The same name and date of birth is always the same person.",
			For:          "You are signing in to:",
			Name:         "Name",
			Born:         "Date of birth",
			BornHint:     "Year, month and day, for example 1964-03-15 or 19640315",
			Identity:     "Identity number (optional)",
			IdentityHint: "Tells people of the same name and date of birth apart. Make one up.",
			Submit:       "Sign in", Cancel: "Cancel and go back", Other: "한국어",
			WrongTitle:    "Please correct this",
			NameWrong:     "Enter a name of 1 to 60 characters.",
			BornWrong:     "Enter the date of birth as year, month and day, for example 1964-03-15. It cannot be in the future.",
			IdentityWrong: "Enter an identity number of at most 32 characters, or leave it empty.",
			StaffTitle:    "Trial sign-in for staff", Roles: "Roles", RolesWrong: "Choose at least one role.",
			Unit: "Place of work (optional)", UnitHint: "Offices of different names are different desks. Leave it empty for the call centre.",
			Factor:       "I used a second factor",
			RefusedTitle: "This sign-in cannot go on",
			Refused:      "The page that sent you here is not known to this provider, or its request was not complete. Please go back and begin again.",
			OutTitle:     "You are signed out", Out: "This provider keeps nothing about you. You can close this page.",
		}
	}
	return words{
		Title:        "체험용 로그인",
		Remark:       "체험을 위해 만든 가상의 인증기관입니다. 입력한 내용을 그대로 믿습니다. 실제 개인정보는 입력하지 마세요.",
		Lead:         "이름과 생년월일이 같으면 언제나 같은 사람으로 봅니다.",
		For:          "로그인하려는 곳:",
		Name:         "이름",
		Born:         "생년월일",
		BornHint:     "연, 월, 일 순서로 적어 주세요. 예: 1964-03-15 또는 19640315",
		Identity:     "식별번호 (선택)",
		IdentityHint: "이름과 생년월일이 같은 사람을 구별합니다. 가상의 번호를 적어 주세요.",
		Submit:       "로그인", Cancel: "취소하고 돌아가기", Other: "English",
		WrongTitle:    "아래 내용을 고쳐 주세요",
		NameWrong:     "이름을 1자에서 60자까지 적어 주세요.",
		BornWrong:     "생년월일을 연, 월, 일 순서로 적어 주세요. 예: 1964-03-15. 오늘 이후의 날짜는 쓸 수 없습니다.",
		IdentityWrong: "식별번호는 32자까지 적거나 비워 두세요.",
		RefusedTitle:  "로그인을 계속할 수 없습니다",
		Refused:       "이 인증기관에 등록되지 않은 곳에서 왔거나 요청이 온전하지 않습니다. 돌아가서 처음부터 다시 해 주세요.",
		OutTitle:      "로그아웃했습니다", Out: "이 인증기관은 아무것도 저장하지 않습니다. 이 화면을 닫아도 됩니다.",
	}
}
