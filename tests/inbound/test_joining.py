"""Wordings that stand together: what a wish to leave is aimed at."""

import pytest

from inbound.lexicon.spacing import mark_text


@pytest.mark.parametrize(
    "text",
    [
        "take me off please I can't find the button",
        "bonjour je voudrais me désinscrire je trouve pas le bouton merci",
        "je ne trouve pas le bouton, enlevez-moi s'il vous plaît",
        "no encuentro el botón, sáquenme por favor",
        "nie mogę znaleźć przycisku, proszę mnie wypisać",
        "не могу найти кнопку, уберите меня пожалуйста",
        "หาปุ่มไม่เจอ ช่วยเอาชื่อออกให้หน่อย",
        "tombolnya tidak ketemu, tolong keluarkan saya",
        "nerandu mygtuko, išbraukite mane prašau",
    ],
)
def test_a_button_that_nobody_finds_is_the_way_out_and_not_course_material(text: str) -> None:
    names = mark_text(text).names

    assert "unsub" in names
    assert "broken" in names


def test_a_wish_aimed_at_course_material_is_another_thing() -> None:
    assert "unsub-obj" in mark_text("Please remove the video of the first lesson").names


@pytest.mark.parametrize("text", ["new courses. that's all", "thats all, thanks", "Dear all", "all the best"])
def test_a_courtesy_with_all_in_it_is_no_wish_for_all(text: str) -> None:
    assert "all" not in mark_text(text).names
