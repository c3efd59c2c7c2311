//! `${VAR}` in strings.

/// Puts the environment's values in the place of `${VAR}`; `$${` stays as `${`. Fails with a
/// sentence on an unknown variable and on a `${` that is never closed.
pub(super) fn interpolate(
    text: &str,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<String, String> {
    let mut whole = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        if let Some(before) = before.strip_suffix('$') {
            whole.push_str(before);
            whole.push_str("${");
            rest = after;
            continue;
        }
        let Some((name, behind)) = after.split_once('}') else {
            return Err("`${` is never closed; a literal one is written `$${`".to_owned());
        };
        let value =
            environment(name).ok_or_else(|| format!("the environment has no variable `{name}`"))?;
        whole.push_str(before);
        whole.push_str(&value);
        rest = behind;
    }
    whole.push_str(rest);
    Ok(whole)
}
