//! The MCP server: describes itself and dispatches to a toolbox.

use std::sync::Arc;

use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CancelTaskParams, DetailedTask, GetTaskParams,
    GetTaskResult, Implementation, ListResourceTemplatesResult, ListResourcesResult,
    ListToolsResult, PaginatedRequestParams, ReadResourceRequestParams, ReadResourceResponse,
    ReadResourceResult, ResourceTemplate, ServerCapabilities, ServerConfig, Tool, UpdateTaskParams,
};
use rmcp::service::RequestContext;
use rmcp::{ErrorData, RoleServer, ServerHandler};

use crate::card;
use crate::results::SCHEME;

/// The tools that a server offers.
pub trait Toolbox: Send + Sync + 'static {
    /// Returns the description of each tool.
    fn tools(&self) -> &[Tool];

    /// Checks that calls can succeed as far as this process knows, without a request to anybody.
    ///
    /// # Errors
    /// Returns what is missing.
    fn is_ready(&self) -> Result<(), String> {
        Ok(())
    }

    /// Returns counters in the text form of Prometheus.
    fn metrics(&self) -> String {
        String::new()
    }

    /// Calls a tool.
    ///
    /// # Errors
    /// Fails if there is no such tool. A failed call is a result with `isError`.
    fn call(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> impl Future<Output = Result<CallToolResponse, ErrorData>> + Send;

    /// Returns the state of a task that a call began.
    ///
    /// # Errors
    /// Fails if there is no such task.
    fn task(
        &self,
        id: String,
        context: RequestContext<RoleServer>,
    ) -> impl Future<Output = Result<DetailedTask, ErrorData>> + Send;

    /// Checks that there is such a task.
    ///
    /// # Errors
    /// Fails if there is not.
    fn check_task(
        &self,
        id: String,
        context: RequestContext<RoleServer>,
    ) -> impl Future<Output = Result<(), ErrorData>> + Send;

    /// Cancels a task, if it can be cancelled.
    ///
    /// # Errors
    /// Fails if there is no such task.
    fn cancel_task(
        &self,
        id: String,
        context: RequestContext<RoleServer>,
    ) -> impl Future<Output = Result<(), ErrorData>> + Send {
        self.check_task(id, context)
    }

    /// Reads a resource.
    ///
    /// # Errors
    /// Fails if there is no such resource.
    fn read_resource(
        &self,
        uri: String,
        context: RequestContext<RoleServer>,
    ) -> impl Future<Output = Result<ReadResourceResult, ErrorData>> + Send;
}

/// An MCP server of these tools. Clones share them.
#[derive(Debug)]
pub struct Server<T>(Arc<T>);

impl<T> Clone for Server<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T: Toolbox> Server<T> {
    /// Returns a server of these tools.
    #[must_use]
    pub fn new(toolbox: T) -> Self {
        Self(Arc::new(toolbox))
    }

    /// As [`Toolbox::is_ready`].
    ///
    /// # Errors
    /// Returns what is missing.
    pub fn is_ready(&self) -> Result<(), String> {
        self.0.is_ready()
    }

    /// As [`Toolbox::metrics`].
    #[must_use]
    pub fn metrics(&self) -> String {
        self.0.metrics()
    }
}

impl<T: Toolbox> ServerHandler for Server<T> {
    fn get_info(&self) -> ServerConfig {
        let server = Implementation::new("oge-mcp", env!("CARGO_PKG_VERSION"))
            .with_title("OGE 开放地球引擎 (Open Geospatial Engine)");
        let mut capabilities =
            ServerCapabilities::builder().enable_tools().enable_resources().enable_tasks().build();
        card::declare(&mut capabilities.extensions);
        ServerConfig::new(capabilities).with_server_info(server).with_instructions(INSTRUCTIONS)
    }

    async fn list_tools(
        &self,
        _page: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(self.0.tools().to_vec()))
    }

    fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> impl Future<Output = Result<CallToolResponse, ErrorData>> + Send {
        self.0.call(request, context)
    }

    /// Lists the card and no result: the server may serve several users, and each reads only what it knows the id of.
    async fn list_resources(
        &self,
        _page: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        Ok(ListResourcesResult::with_all_items(vec![card::resource()]))
    }

    async fn list_resource_templates(
        &self,
        _page: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        let uri = [SCHEME, "{id}?page={page}"].concat();
        let result =
            ResourceTemplate::new(uri, "result").with_title("结果的一页 (a page of a result)");
        let result = result.with_description(
            "太大而没有放进 data 的结果，id 见 preview.uri (a result that was too large for data; preview.uri has \
             its id)",
        );
        Ok(ListResourceTemplatesResult::with_all_items(vec![result]))
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        let read = match card::read(&request.uri) {
            Some(card) => card,
            None => self.0.read_resource(request.uri, context).await,
        };
        read.map(Into::into)
    }

    async fn get_task(
        &self,
        request: GetTaskParams,
        context: RequestContext<RoleServer>,
    ) -> Result<GetTaskResult, ErrorData> {
        self.0.task(request.task_id, context).await.map(GetTaskResult::new)
    }

    fn cancel_task(
        &self,
        request: CancelTaskParams,
        context: RequestContext<RoleServer>,
    ) -> impl Future<Output = Result<(), ErrorData>> + Send {
        self.0.cancel_task(request.task_id, context)
    }

    /// A task asks its client nothing, so answers are acknowledged and ignored.
    fn update_task(
        &self,
        request: UpdateTaskParams,
        context: RequestContext<RoleServer>,
    ) -> impl Future<Output = Result<(), ErrorData>> + Send {
        self.0.check_task(request.task_id, context)
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        self.0.tools().iter().find(|tool| tool.name == name).cloned()
    }
}

const INSTRUCTIONS: &str = "OGE 地理空间平台的六个工具。运行一段代码用 execute_dag_workflow，一次完成；也可以分步：\
    execute_code_to_dag 转成 DAG，submit_batch_task 提交，query_task_status 查询状态 (wait_seconds 可等待任务结束)。token \
    过期会自动刷新并重试一次，无需调用者处理。结果是一个 JSON：success、msg、data；失败时 \
    error.kind 说明原因；结果太大时 data 为 null，preview 有概要和读全文的办法。";
