"""The books stay consistent: what is over leaves no entry behind."""

from __future__ import annotations

import pytest

from llamaswap.policy.books import Books
from llamaswap.policy.eviction import GroupRule, Groups
from llamaswap.policy.messages import Cause, Grant, LeaseId, Refuse, Settled, Ticket
from llamaswap.policy.places import Place
from llamaswap.policy.reasons import READY, UNLOADED
from llamaswap.policy.rules import Fleet, ModelId, ModelRule

A, B = ModelId("a"), ModelId("b")
ONE, TWO = LeaseId(1), LeaseId(2)


@pytest.fixture
def books() -> Books:
    models = {model: ModelRule(model) for model in (A, B)}
    return Books(Fleet(models, Groups.of([GroupRule("g", (A, B))], models)))


def serving(books: Books, *leases: LeaseId) -> Place:
    place = books.places[A]
    for lease in leases:
        books.queue(place, lease, 0.0)
    books.promise(place, frozenset())
    list(books.start(place, 0.0))
    books.note_ready(place, 0.0)
    books.drop_swap(place)
    list(books.grant(place, READY, 0.0))
    return place


def test_a_lease_moves_from_the_queue_to_the_guests(books: Books) -> None:
    place = books.places[A]
    books.queue(place, ONE, 0.0)
    books.queue(place, TWO, 0.0)

    assert list(books.grant(place, READY, 0.0)) == [Grant(ONE, A), Grant(TWO, A)]
    assert (place.waiting, place.serving, books.busy) == ({}, {ONE: 0.0, TWO: 0.0}, {A})


def test_a_returned_lease_is_forgotten_and_returning_it_twice_is_harmless(books: Books) -> None:
    place = serving(books, ONE)
    books.take_back(ONE, now=7)
    books.take_back(ONE, now=9)

    assert (place.serving, books.busy, place.idle_since, books._leases) == ({}, set(), 7, {})


def test_a_refused_lease_is_forgotten(books: Books) -> None:
    place = books.places[A]
    books.queue(place, ONE, 0.0)

    assert list(books.refuse(place, Cause.UNLOADED, "why")) == [
        Refuse(ONE, A, Cause.UNLOADED, "why")
    ]
    assert (place.waiting, books._leases) == ({}, {})


def test_the_leases_of_a_process_that_is_gone_are_forgotten(books: Books) -> None:
    place = serving(books, ONE, TWO)
    list(books.vacate(place, 1.0))

    assert (place.serving, books.busy, books._leases) == ({}, set(), {})
    assert not books.running


def test_a_promised_place_counts_as_running(books: Books) -> None:
    books.promise(books.places[B], frozenset({A}))
    assert books.running == {B}

    books.drop_swap(books.places[B])
    assert not books.running


def test_an_errand_is_over_when_the_last_of_its_models_is_gone(books: Books) -> None:
    place = serving(books)
    assert not list(books.send(Ticket(9), {A, B}, None))
    list(books.stop(place, UNLOADED, 0.0))

    assert list(books.vacate(place, 1.0)) == [Settled(Ticket(9))]
    assert not list(books.vacate(place, 1.0))
