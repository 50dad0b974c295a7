"""Plans on a small schema: what is read together, what bails, and what the code of a plan holds."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

import orjson
import pytest
import strawberry
from graphql import GraphQLError, OperationDefinitionNode, parse

from app.execution import CompiledExecutor, Made, Part, Plans, batch, from_rows, gives_rows, is_selected, wanted_of
from app.execution.code import Bail
from app.execution.leaves import moment
from app.schema.scalars import moment_text

SHELVES = {1: ("Poems", 3), 2: ("Maps", None), 3: ("Novels", 0)}
TALL = 10


@dataclass
class Library:
    """The context: what was asked of it."""

    asked: list[Any] = field(default_factory=list)


Info = strawberry.Info[Library, None]


@strawberry.enum
class Mood(StrEnum):
    GLAD = "glad"
    GRAVE = "grave"


async def books_of(info: Info, keys: Sequence[tuple[int]], least: int = 0) -> list[list[Any]]:
    """Books of shelves, as rows where rows are wanted."""
    wanted = wanted_of(info)
    info.context.asked.append(("books", list(keys), least, wanted))
    rows: list[list[dict[str, Any]]] = [
        [{"number": key * 10 + each, "mood": "glad", **sized(key * 10 + each)} for each in range(least, 2)]
        for (key,) in keys
    ]
    if wanted is not None:
        return [[tuple(row[name] for name in wanted) for row in each] for each in rows]
    return [[Book(number=row["number"], mood=Mood(row["mood"])) for row in each] for each in rows]


@from_rows("grams")
@strawberry.type
class Weight:
    grams: int


@from_rows("height", weight=Part({"grams": "weight"}, lambda weight: Weight(grams=weight), present="weight"))
@strawberry.type
class Size:
    height: int
    weight: Weight | None

    @strawberry.field
    def is_tall(self) -> bool:
        return self.height > TALL


def size_of(height: int, weight: int | None) -> Size:
    """The size of columns of a book."""
    return Size(height=height, weight=None if weight is None else Weight(grams=weight))


def sized(number: int) -> dict[str, Any]:
    """Columns of a book: those with an odd number have no weight."""
    return {"tall": number * 3, "weight": None if number % 2 else number * 100}


@from_rows(
    "number",
    "mood",
    size=Part({"height": "tall", "weight": "weight"}, size_of),
    title=Made(("number",), lambda number: f"Book {number}"),
)
@strawberry.type
class Book:
    number: int
    mood: Mood | None

    @strawberry.field
    def title(self) -> str:
        return f"Book {self.number}"

    @strawberry.field
    def size(self) -> Size:
        return size_of(*sized(self.number).values())

    @strawberry.field
    def suits(self, mood: Mood = Mood.GLAD) -> bool:
        return self.mood is mood

    @strawberry.field
    async def pages(self) -> int:
        await asyncio.sleep(0)
        return self.number * 2


@strawberry.type
class Shelf:
    number: int
    name: str | None
    width: int | None

    @strawberry.field(metadata=batch(books_of, columns=("number",), key=lambda shelf: (shelf.number,), rows=True))
    async def books(self, info: Info, least: int = 0) -> list[Book]:
        found: list[Book] = (await books_of(info, [(self.number,)], least))[0]
        return found

    @strawberry.field
    def width_for_sure(self) -> int:
        return self.width  # type: ignore[return-value]  # null where none may be, which is what is tried


@strawberry.type
class Door:
    name: str


def _told(info: Info) -> Shelf:
    info.context.asked.append(is_selected(info, "width"))
    return Shelf(number=1, name=None, width=None)


@strawberry.type
class Query:
    @strawberry.field
    async def shelves(self, info: Info, numbers: list[int] | None = None) -> list[Shelf]:
        info.context.asked.append("shelves")
        return [Shelf(number=each, name=SHELVES[each][0], width=SHELVES[each][1]) for each in numbers or SHELVES]

    @strawberry.field
    async def things(self) -> list[Annotated[Shelf | Door, strawberry.union("Thing")]]:
        return [Shelf(number=1, name="Poems", width=3), Door(name="Front")]

    @strawberry.field
    def told(self, info: Info) -> Shelf:
        return _told(info)

    @strawberry.field
    def told_of_many(self, info: Info) -> list[Shelf]:
        return [_told(info)]

    @strawberry.field
    def told_of_any(self, info: Info) -> Annotated[Shelf | Door, strawberry.union("Any")]:
        return _told(info)

    @strawberry.field(metadata=gives_rows())
    async def book(self, info: Info, number: int, mood: Mood = Mood.GRAVE) -> Book | None:
        wanted = wanted_of(info)
        info.context.asked.append(("book", wanted))
        row = {"number": number, "mood": mood.value, **sized(number)}
        if number < 0:
            return None
        return Book(number=number, mood=mood) if wanted is None else tuple(row[name] for name in wanted)  # type: ignore[return-value]

    @strawberry.field
    def fails(self) -> str | None:
        message = "on purpose"
        raise GraphQLError(message)


SCHEMA = strawberry.Schema(query=Query)


@dataclass
class Asked:
    """A document with the executor that runs it."""

    text: str
    executor: CompiledExecutor = field(default_factory=lambda: CompiledExecutor(SCHEMA))

    def __post_init__(self) -> None:
        self.document = parse(self.text)
        operation = self.document.definitions[0]
        assert isinstance(operation, OperationDefinitionNode)
        self.plans: Plans = self.executor.plans(self.document, operation)

    async def run(self, **variables: Any) -> tuple[Any, Library]:
        """The answer of the plan, None where it bails, and what was asked for it."""
        library = Library()
        answer = await self.executor.run(self.plans, variables, lambda: library)
        return (orjson.loads(answer)["data"] if isinstance(answer, bytes) else None), library

    async def by_graphql_core(self, **variables: Any) -> Any:
        """graphql-core's data."""
        result = await SCHEMA.execute(self.text, variable_values=variables, context_value=Library())
        assert result.errors is None
        return result.data


ALIKE: list[tuple[str, Mapping[str, Any]]] = [
    ("{ shelves { number name width __typename } }", {}),
    ("query ($n: [Int!]) { a: shelves(numbers: $n) { n: number } b: shelves(numbers: [2]) { name } }", {"n": [3, 1]}),
    ("{ shelves { books { title mood } books { number } } }", {}),
    ("query ($least: Int) { shelves { books(least: $least) { number } } }", {"least": 1}),
    ("{ shelves { books { number pages } name } }", {}),
    ("{ things { __typename ... on Shelf { name books { title } } ... on Door { front: name } } }", {}),
    ("query ($on: Boolean!) { shelves { name @include(if: $on) number @skip(if: $on) } }", {"on": True}),
    ("query ($on: Boolean!) { shelves { name @include(if: $on) number @skip(if: $on) } }", {"on": False}),
    ("{ book(number: 4, mood: GLAD) { title mood } none: book(number: -1) { title } }", {}),
    ("query ($n: Int = 7, $m: Mood! = GLAD) { book(number: $n, mood: $m) { number mood } }", {}),
    ("{ ...All } fragment All on Query { shelves { ...Two } } fragment Two on Shelf { name ... { number } }", {}),
    ("{ shelves(numbers: []) { books { number pages } } }", {}),
    ("{ shelves { books { size { height weight { grams } } number } } }", {}),
    ("{ shelves { books { size { isTall weight { __typename grams } } } } }", {}),
    ("{ book(number: 3) { a: size { __typename } b: size { weight { g: grams } } } }", {}),
]


@pytest.mark.parametrize(("text", "variables"), ALIKE)
async def test_plans_answer_as_graphql_core_does(text: str, variables: Mapping[str, Any]) -> None:
    asked = Asked(text)
    answer, _ = await asked.run(**variables)
    assert answer == await asked.by_graphql_core(**variables)
    assert asked.executor.hits == 1


async def test_a_batch_is_one_call_for_all_parents_and_gives_the_wanted_columns() -> None:
    answer, library = await Asked("{ shelves { books(least: 1) { title mood } } }").run()
    assert library.asked[1:] == [("books", [(1,), (2,), (3,)], 1, ("number", "mood"))]
    assert answer["shelves"][0] == {"books": [{"title": "Book 11", "mood": "GLAD"}]}


async def test_a_part_of_a_row_is_read_in_its_place_by_the_names_of_the_row() -> None:
    answer, library = await Asked("{ book(number: 4) { size { weight { grams } } } }").run()
    assert (answer, library.asked) == ({"book": {"size": {"weight": {"grams": 400}}}}, [("book", ("weight",))])
    answer, library = await Asked("{ book(number: 3) { size { height weight { grams } } } }").run()
    assert answer == {"book": {"size": {"height": 9, "weight": None}}}
    assert library.asked == [("book", ("tall", "weight"))]


async def test_a_part_is_made_an_object_where_one_is_needed_and_the_rest_stays_a_row() -> None:
    answer, library = await Asked("{ book(number: 4) { size { isTall } number } }").run()
    assert answer == {"book": {"size": {"isTall": True}, "number": 4}}
    assert library.asked == [("book", ("tall", "weight", "number"))]


async def test_a_field_that_no_row_has_makes_the_level_one_of_objects() -> None:
    answer, library = await Asked("{ shelves(numbers: [1]) { books(least: 1) { number pages } } }").run()
    assert library.asked[1:] == [("books", [(1,)], 1, None)]
    assert answer == {"shelves": [{"books": [{"number": 11, "pages": 22}]}]}


@pytest.mark.parametrize(
    ("text", "selected"),
    [
        ("{ told { name width } }", True),
        ("{ told { name } }", False),
        ("{ toldOfMany { name } }", True),  # what is not known may be selected
        ("{ toldOfAny { __typename } }", True),
    ],
)
async def test_a_resolver_hears_what_is_selected_of_its_object(text: str, selected: bool) -> None:
    answer, library = await Asked(text).run()
    assert answer is not None
    assert library.asked == [selected]


@pytest.mark.parametrize(
    ("text", "variables", "why"),
    [
        ("{ shelves { widthForSure } }", {}, "null where none may be"),
        ("{ fails shelves { number } }", {}, "GraphQLError"),
        ("query ($n: Int!) { book(number: $n) { number } }", {}, "a variable is wrong"),
        ("query ($n: Int!) { book(number: $n) { number } }", {"n": "one"}, "a variable is wrong"),
        ("query ($no: Boolean = true) { shelves @skip(if: $no) { name } }", {"no": None}, "a variable is wrong"),
        ("query ($m: Mood) { book(number: 1) { suits(mood: $m) } }", {"m": None}, "a variable is wrong"),
        ("{ __schema { queryType { name } } }", {}, "no plan: introspection"),
    ],
)
async def test_what_a_plan_cannot_prove_is_left_to_graphql_core(text: str, variables: dict[str, Any], why: str) -> None:
    asked = Asked(text)
    answer, _ = await asked.run(**variables)
    assert (answer, dict(asked.executor.bails)) == (None, {why: 1})


async def test_a_plan_that_bails_again_and_again_is_seldom_tried() -> None:
    asked = Asked("{ fails shelves { number } }")
    for _ in range(17):
        await asked.run()
    assert dict(asked.executor.bails) == {"GraphQLError": 4, "has bailed often": 13}


async def test_one_plan_serves_all_values_and_conditions_make_few() -> None:
    asked = Asked("query ($n: Int!, $on: Boolean!) { book(number: $n) { number mood @include(if: $on) } }")
    for number in range(5):
        answer, _ = await asked.run(n=number, on=bool(number % 2))
        assert answer["book"]["number"] == number
    assert (asked.executor.compiled, asked.executor.hits) == (2, 5)


async def test_the_least_recently_used_plans_go_first() -> None:
    executor = CompiledExecutor(SCHEMA)
    one = Asked("{ shelves { number } }", executor)
    await one.run()
    (plan,) = one.plans.by_conditions.values()
    executor = CompiledExecutor(SCHEMA, kept_text=2 * len(plan.text) + 20)
    first, second, third = (Asked(f"{{ a{each}: shelves {{ number }} }}", executor) for each in range(3))
    for asked in (first, second, first, third, first):
        assert (await asked.run())[0] is not None
    assert executor.compiled == 3
    assert [len(asked.plans.by_conditions) for asked in (first, second, third)] == [1, 0, 1]
    assert (await second.run())[0] is not None
    assert executor.compiled == 4


async def test_plans_of_a_dropped_document_are_let_go() -> None:
    asked = Asked("query ($on: Boolean!) { shelves { number @include(if: $on) } }")
    for on in (True, False):
        assert (await asked.run(on=on))[0] is not None
    gone = [weakref.ref(plan) for plan in asked.plans.by_conditions.values()]
    asked.executor.forget(asked.plans)
    gc.collect()
    assert [plan() for plan in gone] == [None, None]
    for _ in range(2):  # a request that had the document before: answered, and nothing is kept for it
        assert (await asked.run(on=True))[0] is not None
    assert asked.plans.by_conditions == {}
    asked.executor.forget(asked.plans)


async def test_an_error_ends_what_goes_on_beside_it() -> None:
    ended = []

    @strawberry.type
    class Slow:
        @strawberry.field
        async def waits(self) -> int:
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                ended.append(True)
                raise
            return 1

        @strawberry.field
        async def breaks(self) -> int:
            await asyncio.sleep(0)
            raise ValueError

    asked = Asked("{ waits breaks }", CompiledExecutor(strawberry.Schema(query=Slow)))
    assert (await asked.run())[0] is None
    assert ended == [True]


async def test_response_keys_are_the_only_text_of_the_caller_in_the_code() -> None:
    asked = Asked("""query ($evil_variable: Int!) { a1: book(number: $evil_variable) { b1: number } }""")
    await asked.run(evil_variable=1)
    (plan,) = asked.plans.by_conditions.values()
    assert "evil" not in plan.text
    assert "'a1': " in plan.text


def test_a_plan_is_explained_field_by_field() -> None:
    asked = Asked("{ shelves { books { title } } }")
    told = asked.executor.explain(asked.plans, {})
    assert told["compiled"]
    assert {"path": "shelves.books", "kind": "rows", "detail": "number"} in told["steps"]
    assert {"path": "shelves.books.title", "kind": "made", "detail": "number"} in told["steps"]
    assert Asked("{ __schema { __typename } }").executor.bails == {}


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("2026-11-01 08:15:00.12+00", "2026-11-01T08:15:00.120000Z"),
        ("2026-11-01 08:15:00.000001+00", "2026-11-01T08:15:00.000001Z"),
    ],
)
def test_moments_are_told_as_the_scalar_tells_them(written: str, told: str) -> None:
    assert moment(written) == told == moment_text(datetime.fromisoformat(written))


@pytest.mark.parametrize("written", ["infinity", "0044-03-15 00:00:00+00 BC", "2026-11-01 08:15:00.5+02"])
def test_a_moment_that_is_none_of_ours_is_left_to_graphql_core(written: str) -> None:
    with pytest.raises((Bail, IndexError)):
        moment(written)
