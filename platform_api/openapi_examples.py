"""An example of every body: a schema's own, else one put together from what its fields are called.

A schema with rules that JSON Schema cannot say brings its own: `model_config = ConfigDict(json_schema_extra=
{"examples": [{...}]})`, a field `Field(examples=[...])`.
"""

from collections.abc import Mapping
from typing import Any

UUID_EXAMPLE = "0192f0c4-7a4e-7cc1-9d2b-5b1f3c9a6e21"
TIME_EXAMPLE = "2026-01-26T15:57:02Z"
_BY_FORMAT = {
    "uuid": UUID_EXAMPLE,
    "date-time": TIME_EXAMPLE,
    "date": "2026-01-26",
    "time": "08:30:00",
    "uri": "https://client.example/mess/",
    "email": "awa@client.example",
    "duration": "PT30M",
}
_POINT = {"type": "Point", "coordinates": [-17.4281, 14.6797]}
_CIRCLE = {"type": "Feature", "geometry": _POINT, "properties": {"radius_m": 300}}
# By the name of the field, where its type fits.
_BY_NAME: dict[str, tuple[object, ...]] = {
    "phone": ("+221771234567",),
    "password": ("cheval-agrafe-pile",),
    "name": ("Port de Dakar",),
    "plate": ("DK-1234-AB",),
    "uid": ("867530912345678",),
    "device_uid": ("867530912345678",),
    "goods": ("Riz brisé, 400 sacs",),
    "weight_kg": (20_000,),
    "capacity_kg": (30_000,),
    "amount_xof": (450_000,),
    "agreed_xof": (450_000,),
    "lat": (14.6797,),
    "lon": (-17.4281,),
    "lng": (-17.4281,),
    "shape": (_CIRCLE,),
    "accuracy_m": (8.0,),
    "speed_kmh": (42.0,),
    "heading_deg": (91.0,),
    "message": ("Camion libre ce soir à Kaolack.",),
    "reason": ("Chargement reporté par le client.",),
    "receiver_name": ("Fatou Ndiaye",),
    "note": ("Deux sacs mouillés.",),
    "next_cursor": ("WyIyMDI2LTAxLTI2Il0",),
    "access": ("eyJhbGciOiJIUzI1NiJ9.e30.Zx0",),
    "refresh": ("eyJhbGciOiJIUzI1NiJ9.e30.Qa7",),
    "kind": ("tracker", "stop"),
    "settings": ({"speed_limit_kmh": 80.0}, {}),
    "planned_route": ([[-17.4281, 14.6797], [-16.0757, 14.1652]],),
    "sha256": ("9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",),
    "media_type": ("image/jpeg",),
    "title": ("Camion arrêté hors du trajet",),
    "detail": ("DK-1234-AB, depuis 25 minutes, près de Thiès.",),
}
_DEPTH = 12


class ExampleMaker:
    """`schemas`: the document's components, to follow references."""

    def __init__(self, schemas: Mapping[str, Any]) -> None:
        self._schemas = schemas

    def request(self, schema: Mapping[str, Any]) -> Any:
        """The least that is asked for."""
        return self._value(schema, name="", whole=False, depth=0)

    def answer(self, schema: Mapping[str, Any]) -> Any:
        """With every field."""
        return self._value(schema, name="", whole=True, depth=0)

    def _value(self, schema: Mapping[str, Any], *, name: str, whole: bool, depth: int) -> Any:
        if depth > _DEPTH:
            return None
        given = _given(schema)
        if given:
            return given[0]
        if "$ref" in schema:
            target = self._schemas[schema["$ref"].rpartition("/")[2]]
            return self._value(target, name=name, whole=whole, depth=depth + 1)
        for key in ("anyOf", "oneOf", "allOf"):
            if key in schema:
                options = [option for option in schema[key] if option.get("type") != "null"]
                return self._value({**options[0], **_limits(schema)}, name=name, whole=whole, depth=depth + 1)
        return self._of_type(schema, name=name, whole=whole, depth=depth)

    def _of_type(self, schema: Mapping[str, Any], *, name: str, whole: bool, depth: int) -> Any:
        kind = schema.get("type")
        if kind == "object" or "properties" in schema:
            return self._object(schema, name=name, whole=whole, depth=depth)
        if kind == "array":
            return self._array(schema, name=name, whole=whole, depth=depth)
        return _scalar(schema, name)

    def _object(self, schema: Mapping[str, Any], *, name: str, whole: bool, depth: int) -> Any:
        fields: Mapping[str, Any] = schema.get("properties", {})
        if not fields:
            return next((value for value in _BY_NAME.get(name, ()) if isinstance(value, dict)), {})
        wanted = list(fields) if whole else schema.get("required", list(fields)[:1])
        return {
            field: self._value(fields[field], name=field, whole=whole, depth=depth + 1) for field in wanted
        }

    def _array(self, schema: Mapping[str, Any], *, name: str, whole: bool, depth: int) -> Any:
        known = next((value for value in _BY_NAME.get(name, ()) if isinstance(value, list)), None)
        if known is not None:
            return known
        # A tuple has its items by place.
        items = schema.get("prefixItems") or [schema.get("items", {})] * max(1, schema.get("minItems", 1))
        singular = name.removesuffix("s")
        return [self._value(item, name=singular, whole=whole, depth=depth + 1) for item in items]


def _given(schema: Mapping[str, Any]) -> list[Any]:
    """What the schema itself has for an example."""
    single = [schema[key] for key in ("example", "const") if key in schema]
    return [*schema.get("examples", []), *single, *schema.get("enum", [])]


def _limits(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in schema.items() if key in ("minimum", "maximum", "pattern")}


def _scalar(schema: Mapping[str, Any], name: str) -> Any:
    if schema.get("format") in _BY_FORMAT:
        return _BY_FORMAT[schema["format"]]
    kinds: dict[str, tuple[type, ...]] = {
        "string": (str,), "integer": (int,), "number": (int, float), "boolean": (bool,),
    }  # fmt: skip
    kind = schema.get("type", "")
    for value in _BY_NAME.get(name, ()):
        if isinstance(value, kinds.get(kind, ())) and not (
            kind == "string" and _too_long(schema, str(value))
        ):
            return value
    if kind == "string":
        return _text(schema, name)
    if kind in ("integer", "number"):
        return _number(schema)
    return True if kind == "boolean" else None


def _text(schema: Mapping[str, Any], name: str) -> str:
    text = "exemple" if _too_long(schema, name) or not name else name.replace("_", " ")
    return text.ljust(schema.get("minLength", 0), "x")[: schema.get("maxLength")]


def _too_long(schema: Mapping[str, Any], text: str) -> bool:
    longest: int = schema.get("maxLength", len(text))
    return len(text) > longest


def _number(schema: Mapping[str, Any]) -> float:
    low = schema.get("minimum", schema.get("exclusiveMinimum", 0) + 1)
    high = schema.get("maximum", schema.get("exclusiveMaximum", 8))
    value = min(max(low, 7), high)
    return int(value) if schema.get("type") == "integer" else float(value)
