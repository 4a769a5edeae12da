//! Reads a body within its limit, and only as what it says it is.

use actix_web::{HttpRequest, http::header, web};
use tieline_model::{Code, Refusal};

/// Reads a JSON body of at most `limit` bytes.
pub async fn json_body(request: &HttpRequest, payload: web::Payload, limit: usize) -> Result<web::Bytes, Refusal> {
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    // Anything else could be sent by a web page without asking the browser for leave.
    let essence = kind.split(';').next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case("application/json") {
        let shown: String = kind.chars().filter(|c| !c.is_control()).take(60).collect();
        let message = format!("the content type is `{shown}`; wanted `application/json`");
        return Err(Refusal::new(Code::BadInput, message).at("Content-Type"));
    }
    match payload.to_bytes_limited(limit).await {
        Ok(Ok(body)) => Ok(body),
        Ok(Err(error)) => Err(Refusal::new(Code::BadInput, format!("the body could not be read: {error}"))),
        Err(_) => Err(Refusal::new(Code::TooLarge, format!("the body has more than {limit} bytes"))),
    }
}
