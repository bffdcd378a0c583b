"""Every message the importers and exporters can give, as translatable English text.

``gettext_noop`` marks a text for extraction; the web layer translates ``message`` and ``advice`` with its own
gettext and then fills in the ``%(name)s`` parameters. A code never changes its meaning.
"""

from __future__ import annotations

from typing import Final, NamedTuple


def gettext_noop(text: str) -> str:
    """Return ``text`` unchanged; its name is what the extraction of translatable texts looks for."""
    return text


_ = gettext_noop


class Message(NamedTuple):
    """The text of an issue and what to do about it."""

    text: str
    advice: str


EDIT_FILE: Final = _("Correct the question in the file and import it again.")
NOTHING_TO_DO: Final = _("There is nothing to do.")
CHECK_QUESTION: Final = _("Check this question after the import.")
RECREATE: Final = _("Create this question by hand, or export it with one of the supported types.")

MESSAGES: Final[dict[str, Message]] = {
    # the file as a whole
    "file_too_large": Message(
        _("The file is larger than %(limit)s MB."),
        _("Split it into several files."),
    ),
    "file_empty": Message(_("The file is empty."), _("Choose another file.")),
    "unknown_format": Message(
        _("The format of this file was not recognised."),
        _(
            "Choose a GIFT, Moodle XML, Aiken, QTI 1.2, QTI 2 or QTI 3, CSV or XLSX file, "
            "or select its format yourself."
        ),
    ),
    "reader_failed": Message(
        _("The file could not be read to its end."),
        _("Check that the file is complete and of the chosen format, then try again."),
    ),
    "no_questions": Message(
        _("The file contains no question."), _("Check that you chose the right file.")
    ),
    "too_many_questions": Message(
        _("This question is beyond the limit of %(limit)s questions for one file."),
        _("Split the file and import the rest separately."),
    ),
    "too_many_issues": Message(
        _("There are more remarks than can be shown."), _("Correct those shown first.")
    ),
    "encoding_cp1252": Message(
        _("The file is not UTF-8; it was read as Windows-1252."),
        _("Check the accented letters in the preview. Saving the file as UTF-8 avoids this."),
    ),
    "encoding_repaired": Message(
        _("Wrongly encoded letters (such as “Ã©” for “é”) were repaired on %(count)s lines."),
        _("Check the accented letters in the preview."),
    ),
    "control_characters": Message(
        _("%(count)s invisible control characters were removed."), NOTHING_TO_DO
    ),
    # packages
    "zip_broken": Message(
        _("The package cannot be opened."), _("Create the package again and import it again.")
    ),
    "zip_unsafe": Message(
        _("The package is refused because of its entry “%(entry)s” (%(reason)s)."),
        _("Create the package again with the exporting system."),
    ),
    "zip_limit": Message(
        _("The package is refused: it unpacks to too much data or too many files."),
        _("Split the package into smaller ones."),
    ),
    "zip_no_questions": Message(
        _("The package contains no question file."),
        _("Import a QTI package or the question file itself."),
    ),
    "manifest_broken": Message(
        _("The manifest of the package cannot be read: %(reason)s"),
        _("The question files of the package were searched instead; check the preview."),
    ),
    "file_missing": Message(
        _("The manifest names the file “%(file)s”, which is not in the package."),
        _("Create the package again with the exporting system."),
    ),
    # XML
    "xml_broken": Message(
        _("This is not valid XML (column %(column)s): %(reason)s"),
        _("Correct the file at this place, or export it again."),
    ),
    "xml_refused": Message(
        _("The XML declares a document type or entities, which is refused for safety."),
        _("Remove the DOCTYPE at the top of the file."),
    ),
    "xml_too_deep": Message(
        _("The XML is too large or too deeply nested."), _("Simplify or split the file.")
    ),
    # one question is not imported
    "unsupported_type": Message(_("The question type “%(type)s” is not supported."), RECREATE),
    "cloze_several": Message(
        _("A Cloze question with %(count)s gaps of different kinds is not supported."), RECREATE
    ),
    "cloze_broken": Message(_("The gap “%(gap)s” of this Cloze question is malformed."), EDIT_FILE),
    "no_stem": Message(_("The question has no text."), EDIT_FILE),
    "no_answers": Message(_("The question has no answer."), EDIT_FILE),
    "too_few_choices": Message(_("The question needs at least two choices."), EDIT_FILE),
    "too_few_items": Message(_("The question needs at least two items."), EDIT_FILE),
    "too_many_parts": Message(
        _("The question has more than %(limit)s answers, hints or tags."), EDIT_FILE
    ),
    "text_too_long": Message(_("A text of the question is too long."), EDIT_FILE),
    "no_right_answer": Message(_("No answer is marked as right."), EDIT_FILE),
    "bad_number": Message(_("“%(value)s” is not a number that can be used here."), EDIT_FILE),
    "bad_weight": Message(
        _("The weight “%(value)s” is not a percentage between -100 and 100."), EDIT_FILE
    ),
    "bad_points": Message(_("The number of points “%(value)s” cannot be used."), EDIT_FILE),
    "gift_unclosed": Message(_("An opening brace “{” is never closed."), EDIT_FILE),
    "gift_title_unclosed": Message(_("The title is not closed by “::”."), EDIT_FILE),
    "gift_trailing_answers": Message(
        _("The question has more than one pair of braces."), EDIT_FILE
    ),
    "gift_bad_answer": Message(
        _("The answer “%(answer)s” does not start with “=” or “~”."), EDIT_FILE
    ),
    "aiken_choice_without_question": Message(
        _("A choice or answer comes without a question before it."), EDIT_FILE
    ),
    "aiken_no_answer_line": Message(_("The line “ANSWER:” is missing."), EDIT_FILE),
    "aiken_bad_letter": Message(
        _("The answer “%(letter)s” is not the letter of a choice."), EDIT_FILE
    ),
    "aiken_several_lines": Message(
        _("The line “%(text)s” is neither a choice nor the answer; a question is one line."),
        EDIT_FILE,
    ),
    "qti_no_interaction_support": Message(
        _("The interaction “%(type)s” is not supported."), RECREATE
    ),
    "qti_several_interactions": Message(
        _("An item with several interactions (%(type)s) is not supported."), RECREATE
    ),
    "qti_adaptive": Message(_("An adaptive item is not supported."), RECREATE),
    "qti_template": Message(
        _("An item with computed values (template processing) is not supported."), RECREATE
    ),
    "qti_no_key": Message(_("The item does not say which response is right."), EDIT_FILE),
    "match_several": Message(
        _("A matching question where an item has several right partners is not supported."),
        RECREATE,
    ),
    "row_unknown_type": Message(_("The type “%(type)s” of this row is unknown."), EDIT_FILE),
    "row_bad_correct": Message(
        _("“%(value)s” does not name a right answer of this row."), EDIT_FILE
    ),
    "row_bad_pair": Message(_("“%(value)s” is not a pair of the form “left -> right”."), EDIT_FILE),
    "table_no_header": Message(
        _("No header row with a column “question” was found."),
        _("Start from the table template and keep its first row."),
    ),
    "table_broken": Message(
        _("The table cannot be read: %(reason)s"), _("Save the table again and import it again.")
    ),
    "table_unknown_columns": Message(
        _("These columns are not used: %(columns)s"), _("Rename them as in the table template.")
    ),
    # a part is lost
    "weights_sum": Message(
        _("The right answers together weigh %(sum)s %% instead of 100 %%."), CHECK_QUESTION
    ),
    "markup_removed": Message(
        _("Elements that are not allowed were removed: %(tags)s"), CHECK_QUESTION
    ),
    "formatting_lost": Message(
        _("Formatting that is not kept was removed: %(tags)s"), NOTHING_TO_DO
    ),
    "markup_flattened": Message(
        _("Formatting or images in “%(text)s” cannot be kept there; it is plain text now."),
        CHECK_QUESTION,
    ),
    "markdown_simple": Message(
        _("Only simple Markdown (bold, italic, code, lists) is converted."), CHECK_QUESTION
    ),
    "unknown_text_format": Message(
        _("The text format “%(format)s” is unknown; the text was read as HTML."), CHECK_QUESTION
    ),
    "image_remote": Message(
        _("The image %(src)s is on another site and was not loaded."),
        _("Download it and add it to the question."),
    ),
    "image_missing": Message(
        _("The image “%(src)s” is not in the file."), _("Add it to the question by hand.")
    ),
    "image_refused": Message(
        _("The image “%(src)s” is refused: not a PNG, JPEG, GIF or WebP image, or too large."),
        _("Convert it and add it to the question by hand."),
    ),
    "media_unused": Message(
        _("The file “%(file)s” is not used by the question and was left out."), NOTHING_TO_DO
    ),
    "settings_not_kept": Message(
        _("These settings have no equivalent here and were left out: %(names)s"), NOTHING_TO_DO
    ),
    "units_not_kept": Message(
        _("Units (%(units)s) are not kept; the answer is a number only."),
        _("Name the unit in the question."),
    ),
    "shared_feedback_not_kept": Message(
        _("A feedback has no equivalent here and was left out: %(text)s"), CHECK_QUESTION
    ),
    "fixed_choices_lost": Message(
        _("Some choices had a fixed place among shuffled ones; the choices are not shuffled now."),
        CHECK_QUESTION,
    ),
    "pair_weights_lost": Message(
        _("The pairs had different weights; now each counts the same."), CHECK_QUESTION
    ),
    "gaps_as_match": Message(
        _("A question with %(count)s gaps was turned into a matching question."), CHECK_QUESTION
    ),
    "order_partial_lost": Message(
        _("Only a part of the items was shown; now all of them are."), CHECK_QUESTION
    ),
    "case_mixed": Message(
        _("Some answers were case-sensitive and some not; now none is."), CHECK_QUESTION
    ),
    "several_blanks": Message(
        _("The text has several blanks; only the first one is kept."), CHECK_QUESTION
    ),
    "scoring_fallback": Message(
        _(
            "The item does not compute its score in a known way; its declared right response is used."
        ),
        CHECK_QUESTION,
    ),
    "all_or_nothing": Message(
        _(
            "Points were given for the complete response only; here a part of it gives a part of them."
        ),
        CHECK_QUESTION,
    ),
    "left_items_lost": Message(
        _("Items without a right partner were left out: %(text)s"), CHECK_QUESTION
    ),
    "scoring_extra_lost": Message(
        _("Scoring rules beyond right and wrong responses were left out."), CHECK_QUESTION
    ),
    "choice_limit_lost": Message(_("The limit of %(limit)s choices is not kept."), CHECK_QUESTION),
    "difficulty_ignored": Message(
        _("The difficulty “%(value)s” is not a number from 1 to 5 and was left out."),
        CHECK_QUESTION,
    ),
    "title_shortened": Message(_("The title was shortened."), NOTHING_TO_DO),
    "extra_content_lost": Message(
        _("A part of the item could not be kept: %(name)s"), CHECK_QUESTION
    ),
    # export
    "export_gift_order": Message(
        _("GIFT has no ordering questions; Moodle's own extension of the format is used."),
        _("Use Moodle XML or QTI 3 for other systems."),
    ),
    "export_gift_comment": Message(
        _(
            "GIFT has no place for these fields; they are in comments other systems ignore: %(fields)s"
        ),
        _("Use Moodle XML or QTI 3 for other systems."),
    ),
    "export_tags": Message(
        _("Moodle XML has no place for skills and difficulty; they are written as tags."),
        NOTHING_TO_DO,
    ),
    "export_csv_lost": Message(
        _("CSV cannot carry these parts of the question: %(fields)s"),
        _("Use Moodle XML or QTI 3 to keep everything."),
    ),
}
