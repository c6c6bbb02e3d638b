//! Serves kept results as resources.

use rmcp::ErrorData;
use rmcp::model::{MetaObject, ReadResourceResult, ResourceContents};
use serde_json::{Value, json};

use super::{RunTools, ToolCall};
use crate::results::{NoPage, Page, parse_uri};

impl<O: RunTools> ToolCall<O> {
    /// Returns a page of a kept result.
    pub(super) async fn read_result(&self, uri: &str) -> Result<ReadResourceResult, ErrorData> {
        let no_page =
            |message: String| ErrorData::resource_not_found(message, Some(json!({ "uri": uri })));
        let found = parse_uri(uri).zip(self.env.results());
        let ((id, number), results) =
            found.ok_or_else(|| no_page("there is no such resource".to_owned()))?;
        let page_bytes = self.env.limits().page;
        // The page, its text, and the message with its quotes escaped.
        self.env.hold(page_bytes.saturating_mul(4)).await;
        let page = results.page(&id, number, page_bytes);
        let Page { text, pages } = page.map_err(|why| match why {
            NoPage::Unknown => no_page(
                "this result is not kept any more, or another machine has it: call the tool again"
                    .to_owned(),
            ),
            NoPage::Beyond(pages) => no_page(format!("page must be from 1 to {pages}")),
            NoPage::Unreadable(why) => {
                ErrorData::internal_error(format!("the result cannot be read: {why}"), None)
            }
        })?;
        let meta = json!({ "oge/page": number, "oge/pages": pages });
        let contents = ResourceContents::text(text, uri);
        let contents = match meta {
            Value::Object(meta) => contents.with_meta(MetaObject(meta)),
            _ => contents,
        };
        Ok(ReadResourceResult::new(vec![contents]))
    }
}
