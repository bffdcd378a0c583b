"""Countries of a billing address (ISO 3166-1), named in the two languages of the product."""

from __future__ import annotations

# code: (English, French)
NAMES: dict[str, tuple[str, str]] = {
    "AT": ("Austria", "Autriche"),
    "BE": ("Belgium", "Belgique"),
    "BF": ("Burkina Faso", "Burkina Faso"),
    "BG": ("Bulgaria", "Bulgarie"),
    "BI": ("Burundi", "Burundi"),
    "BJ": ("Benin", "Bénin"),
    "CA": ("Canada", "Canada"),
    "CD": ("Congo (Kinshasa)", "Congo (Kinshasa)"),
    "CF": ("Central African Republic", "République centrafricaine"),
    "CG": ("Congo (Brazzaville)", "Congo (Brazzaville)"),
    "CH": ("Switzerland", "Suisse"),
    "CI": ("Ivory Coast", "Côte d’Ivoire"),
    "CM": ("Cameroon", "Cameroun"),
    "CY": ("Cyprus", "Chypre"),
    "CZ": ("Czechia", "Tchéquie"),
    "DE": ("Germany", "Allemagne"),
    "DJ": ("Djibouti", "Djibouti"),
    "DK": ("Denmark", "Danemark"),
    "DZ": ("Algeria", "Algérie"),
    "EE": ("Estonia", "Estonie"),
    "ES": ("Spain", "Espagne"),
    "FI": ("Finland", "Finlande"),
    "FR": ("France", "France"),
    "GA": ("Gabon", "Gabon"),
    "GB": ("United Kingdom", "Royaume-Uni"),
    "GF": ("French Guiana", "Guyane"),
    "GN": ("Guinea", "Guinée"),
    "GP": ("Guadeloupe", "Guadeloupe"),
    "GR": ("Greece", "Grèce"),
    "HR": ("Croatia", "Croatie"),
    "HT": ("Haiti", "Haïti"),
    "HU": ("Hungary", "Hongrie"),
    "IE": ("Ireland", "Irlande"),
    "IS": ("Iceland", "Islande"),
    "IT": ("Italy", "Italie"),
    "KM": ("Comoros", "Comores"),
    "LB": ("Lebanon", "Liban"),
    "LI": ("Liechtenstein", "Liechtenstein"),
    "LT": ("Lithuania", "Lituanie"),
    "LU": ("Luxembourg", "Luxembourg"),
    "LV": ("Latvia", "Lettonie"),
    "MA": ("Morocco", "Maroc"),
    "MC": ("Monaco", "Monaco"),
    "MG": ("Madagascar", "Madagascar"),
    "ML": ("Mali", "Mali"),
    "MQ": ("Martinique", "Martinique"),
    "MR": ("Mauritania", "Mauritanie"),
    "MT": ("Malta", "Malte"),
    "MU": ("Mauritius", "Maurice"),
    "NC": ("New Caledonia", "Nouvelle-Calédonie"),
    "NE": ("Niger", "Niger"),
    "NL": ("Netherlands", "Pays-Bas"),
    "NO": ("Norway", "Norvège"),
    "PF": ("French Polynesia", "Polynésie française"),
    "PL": ("Poland", "Pologne"),
    "PT": ("Portugal", "Portugal"),
    "RE": ("Réunion", "La Réunion"),
    "RO": ("Romania", "Roumanie"),
    "RW": ("Rwanda", "Rwanda"),
    "SE": ("Sweden", "Suède"),
    "SI": ("Slovenia", "Slovénie"),
    "SK": ("Slovakia", "Slovaquie"),
    "SN": ("Senegal", "Sénégal"),
    "TD": ("Chad", "Tchad"),
    "TG": ("Togo", "Togo"),
    "TN": ("Tunisia", "Tunisie"),
    "US": ("United States", "États-Unis"),
    "YT": ("Mayotte", "Mayotte"),
}


def name(code: str, language: str) -> str:
    """Return the name of a country, its code when it is not in the list."""
    english, french = NAMES.get(code, (code, code))
    return french if language.startswith("fr") else english


def choices(language: str) -> list[tuple[str, str]]:
    """Return (code, name) in alphabetical order of the language, accents ignored."""
    from unicodedata import normalize

    found = [(code, name(code, language)) for code in NAMES]
    return sorted(
        found, key=lambda pair: normalize("NFKD", pair[1]).encode("ascii", "ignore").decode()
    )
