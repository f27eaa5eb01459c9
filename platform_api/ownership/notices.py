"""What the two are texted when a business is offered and handed over."""

from collections.abc import Mapping

from platform_api.languages import Language
from platform_api.organisations.notices import plain_name

PURPOSE = "handover"

Words = Mapping[Language, str]
OFFERED: Words = {
    Language.FRENCH: "MESS : {business} est proposée à {to_name}, qui doit accepter sous 7 jours. Ce n'est pas vous ?"
    " Retirez l'offre et changez de mot de passe.",
    Language.ENGLISH: "MESS: {business} is offered to {to_name}, who must accept within 7 days. Not you? Withdraw it"
    " and change your password.",
}
HANDED_OVER: Words = {
    Language.FRENCH: "MESS : {business} appartient désormais à {to_name}.",
    Language.ENGLISH: "MESS: {business} belongs to {to_name} from now on.",
}


def text_of(words: Words, language: Language, *, business: str, to_name: str) -> str:
    return words[language].format(business=plain_name(business), to_name=plain_name(to_name))
